import { holdObstacle } from '../../host/nft/hold.ts';
import { failed, ok, type Finding, type HealthCheck } from '../check.ts';
import { isOlder, versionIn } from '../version.ts';

/** Before that, nft lists no JSON that can be relied on. */
const oldest = [0, 9];

/** Whether the program that loads rules is there. */
export const nftablesCheck: HealthCheck = {
  name: 'nftables',
  group: 'CRITICAL',
  look: async (sight) => {
    const text = await sight.machine.nftVersion(sight.signal);
    // Others than root often have no sbin directories to look in.
    if (text === undefined) sight.requireRoot('where nft is');
    return judgeNft(text, text === undefined ? undefined : await holdObstacle({ signal: sight.signal }));
  },
};

/** @param obstacle why sandboxes are not held back while rules are flushed: one layer more, which older ones lack */
export function judgeNft(text: string | undefined, obstacle: string | undefined): Finding {
  const install = ['apt-get install nftables'];
  const version = versionIn(text ?? '');
  if (!version) return failed('The program nft is not installed: no rules can be loaded', install);
  const name = `nft ${version.join('.')}`;
  if (isOlder(version, oldest)) return failed(`${name} is older than ${oldest.join('.')}`, install);
  if (obstacle === undefined) return ok(name);
  return ok(`${obstacle}: while rules are flushed, the second layer alone holds`);
}
