import type { Override } from '../../plan/override.ts';

/** Who writes the quarantines of rules. */
export const monitorActor = 'monitor';

/** How a sandbox is held: by a rule, or by somebody else who froze or stopped it. */
export type Held = 'no' | 'isolated' | 'frozen' | 'ended' | 'frozen-by-others';

/** @param isFrozen whether Incus has it frozen */
export function heldBy(overrides: readonly Override[], isFrozen: boolean): Held {
  const own = overrides.find(({ kind, by }) => kind === 'quarantine' && by === monitorActor);
  const isHeldByOthers = overrides.some(
    (each) => each !== own && (each.state === 'frozen' || each.state === 'stopped' || each.state === 'absent'),
  );
  if (own?.state === 'stopped' || own?.state === 'absent') return 'ended';
  if (isHeldByOthers) return 'frozen-by-others';
  if (own?.state === 'frozen') return 'frozen';
  if (isFrozen) return 'frozen-by-others';
  return own ? 'isolated' : 'no';
}
