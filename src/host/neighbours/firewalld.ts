import { ask, isRefusal, onlyForRoot, type Asking } from './ask.ts';

/** firewalld as far as it has to do with a bridge. */
export interface Firewalld {
  readonly state: 'absent' | 'stopped' | 'running';
  /** Zone that the bridge is in now; its default zone where it is in none. */
  readonly zone?: string;
  /** Whether that zone lets everything pass. */
  readonly isTrusting?: boolean;
  /** Whether the bridge is still there after a restart of firewalld. */
  readonly isPermanent?: boolean;
}

/**
 * Asks firewalld about a bridge. See firewall-cmd(1).
 *
 * @throws Problem `health.not-root` where it answers only root
 */
export async function readFirewalld(bridge: string, asking: Asking): Promise<Firewalld> {
  const state = await ask(['firewall-cmd', '--state'], asking);
  if (state === undefined) return { state: 'absent' };
  if (isRefusal(state)) throw onlyForRoot('firewalld');
  if (state.code !== 0) return { state: 'stopped' };
  const now = await say(asking, `--get-zone-of-interface=${bridge}`);
  const zone = now ?? (await say(asking, '--get-default-zone')) ?? '';
  const target = await say(asking, '--permanent', `--zone=${zone}`, '--get-target');
  const kept = await say(asking, '--permanent', `--get-zone-of-interface=${bridge}`);
  return { state: 'running', zone, isTrusting: target === 'ACCEPT', isPermanent: kept === zone };
}

/** What it answers; undefined for "none". */
async function say(asking: Asking, ...words: readonly string[]): Promise<string | undefined> {
  const finished = await ask(['firewall-cmd', ...words], asking);
  if (finished && isRefusal(finished)) throw onlyForRoot('firewalld');
  return finished?.code === 0 ? finished.stdout.trim() : undefined;
}
