import type { Override } from '../../plan/override.ts';

/** Who writes the quarantines of rules. */
export const monitorActor = 'monitor';

/** How a sandbox is held: by a rule, or by somebody else who froze or stopped it. */
export type Held = 'no' | 'isolated' | 'frozen' | 'ended' | 'frozen-by-others';

/** @param isFrozen whether it stands still, by whomever */
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

/** What is known of a sandbox when its init is seen for the first time. */
export interface FirstLook {
  readonly overrides: readonly Override[];
  /** As Incus says; undefined while it is not known. */
  readonly power: string | undefined;
  /** Whether the kernel holds it still. */
  readonly isGroupFrozen: boolean;
}

/**
 * Whether something froze a sandbox past Incus and nothing says why: a rule did, and the controller ended before that was
 * written down. What Incus froze, or is about to because somebody said so, is no such thing.
 */
export function isLeftFrozen({ overrides, power, isGroupFrozen }: FirstLook): boolean {
  const isMeant = overrides.some(({ state }) => state !== undefined && state !== 'running');
  return isGroupFrozen && power === 'running' && !isMeant;
}
