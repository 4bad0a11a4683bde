import { ask, type Asking } from './ask.ts';

/** A link that NetworkManager looks after, and its word for how far it is with it. */
export interface ManagedLink {
  readonly name: string;
  readonly state: string;
}

/**
 * The links that NetworkManager has taken on; undefined where it does not run. What it calls `unmanaged` it leaves alone, and
 * what it calls `connected (externally)` it only shows. See nmcli(1).
 */
export async function readManagedLinks(asking: Asking): Promise<readonly ManagedLink[] | undefined> {
  const command = ['nmcli', '--terse', '--escape', 'no', '--fields', 'DEVICE,STATE', 'device', 'status'] as const;
  const finished = await ask([...command], asking);
  if (finished === undefined || finished.code !== 0) return undefined;
  return parseDevices(finished.stdout).filter(({ state }) => !/^unmanaged|externally/.test(state));
}

/** Lines of `DEVICE:STATE`; a device's name may hold a colon, a state does not. */
export function parseDevices(text: string): ManagedLink[] {
  return text.split('\n').flatMap((line) => {
    const at = line.lastIndexOf(':');
    return at === -1 ? [] : [{ name: line.slice(0, at), state: line.slice(at + 1) }];
  });
}
