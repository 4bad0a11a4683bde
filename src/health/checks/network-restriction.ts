import { failed, ok, unknown, type HealthCheck } from '../check.ts';
import { placeText } from '../trial.ts';

/** Whether a restricted sandbox is kept from private networks. */
export const networkRestrictionCheck: HealthCheck = {
  name: 'network_restriction',
  group: 'NETWORKING',
  isTried: true,
  look: async (sight) => {
    const { targets, opened, reached } = await sight.trial();
    const tried = targets.private.map(placeText).join(', ') || 'no place';
    if (opened.length === 0 && !reached) {
      return unknown(
        'It could not be tried: a sandbox that reaches nothing at all shows nothing about private networks',
      );
    }
    if (opened.length === 0) return ok('A restricted sandbox does not reach private networks', { tried });
    const places = opened.map(placeText).join(', ');
    return failed(`A restricted sandbox reaches ${places} in a private network`, [
      'systemctl restart coi',
      '# If that does not help, stop all sandboxes: coi shutdown --all',
    ]);
  },
};
