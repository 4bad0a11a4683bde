import { posix } from 'node:path';
import { hostDirectories } from './host-directories.ts';
import type { Aim } from './obstacle.ts';
import type { Step } from './step.ts';
import { stepOn } from './steps.ts';
import type { OwnedInstance, World } from './world.ts';

/** What is known about the directories of the host that one instance sees, and about its protected paths. */
export interface Protection {
  /** Whether every mount that it is to run on is there. */
  readonly isMounted: boolean;
  /** Protected paths in whose place something else is, on the host. */
  readonly replaced: readonly string[];
  /** Those that are not covered inside, although they are in the tree. */
  readonly uncovered: readonly string[];
  /** Paths that could not be protected when the tree was made. */
  readonly faults: readonly { readonly path: string; readonly why: string }[];
}

/**
 * What follows when a running sandbox is not covered as it should be. Where something inside may have done that, it is held
 * still until somebody has looked; then, and where only the tree is gone, it starts again on a new tree.
 */
export function protectionSteps(world: World, aim: Aim, instance: OwnedInstance): Step[] {
  const { protection } = world;
  if (!protection || !isOnMounts(world, aim, instance)) return [];
  const breach = breachText(protection);
  if (breach !== undefined && instance.power === 'running') return holdStill(aim, instance, breach);
  const isSound = breach === undefined && protection.isMounted;
  // Held still by a person or a rule, it starts again when they let it go.
  return isSound || aim.goal.state !== 'running' ? [] : startAgain(world, instance);
}

/** What is new in its manifest is carried out by its own steps. */
function isOnMounts({ placement }: World, { manifest }: Aim, { power, stamp }: OwnedInstance): boolean {
  const isUp = power === 'running' || power === 'frozen';
  const own = `${posix.join(placement.workspaces, stamp.uid)}/`;
  const sources = Object.values(stamp.applied?.devices ?? {}).map(({ source = '' }) => source);
  const wasStartedOnThem = stamp.intent?.kind !== 'create' && sources.some((source) => source.startsWith(own));
  const { covered, shown } = hostDirectories(manifest.sandbox);
  return isUp && wasStartedOnThem && (covered !== undefined || shown.length > 0);
}

function holdStill({ overrides }: Aim, instance: OwnedInstance, breach: string): Step[] {
  if (overrides.some(({ kind, state }) => kind === 'quarantine' && state !== undefined)) return [];
  return [stepOn(instance, { kind: 'quarantine', reason: breach }, { why: breach, security: true })];
}

function startAgain({ now }: World, instance: OwnedInstance): Step[] {
  const why = 'what it sees of the host is not mounted as it should be: that takes a start';
  const note = { kind: 'stamp', stamp: { intent: { kind: 'restart', at: now } } } as const;
  const stop = stepOn(instance, { kind: 'power', to: 'stop', force: true }, { why, security: true });
  const isNoted = instance.stamp.intent?.kind === 'restart';
  return isNoted ? [stop] : [stepOn(instance, note, { why, security: true }), stop];
}

/** What stands still covers nothing: programs of the host get their files back. Not where a start is about to come. */
export function uncoverSteps({ protection }: World, instance: OwnedInstance, next: readonly Step[]): Step[] {
  if (instance.power !== 'stopped' || !protection?.isMounted || next.length > 0) return [];
  return [stepOn(instance, { kind: 'uncover' }, { why: 'it does not run, so nothing has to be covered' })];
}

/** Without a tree there was nothing to break: somebody started it by hand. */
function breachText({ isMounted, replaced, uncovered }: Protection): string | undefined {
  if (!isMounted || replaced.length + uncovered.length === 0) return undefined;
  // Which of the two is seen first is chance.
  const [what, paths] = replaced.length > 0 ? ['were replaced', replaced] : ['are not covered inside', uncovered];
  return `protected paths of its workspace ${what}: ${paths.slice(0, 10).join(', ')}; run no git there before you have looked`;
}
