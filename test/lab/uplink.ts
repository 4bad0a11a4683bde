import { fileURLToPath } from 'node:url';
import type { Lab } from './lab.ts';
import { startRunning } from './running.ts';

/**
 * Gives a lab the machine's own way out, so that package registries can be reached from it. It takes the default route: a lab
 * with it has no `internet`. It is taken back by dispose, or when the process that opened it ends.
 *
 * @throws when it does not come up; the message holds what was printed
 */
export async function openUplink({ inside }: Lab): Promise<AsyncDisposable> {
  const script = fileURLToPath(new URL('uplink', import.meta.url));
  const running = startRunning([script, String(inside.pid)]);
  await running.printed(/^ready$/m);
  return {
    [Symbol.asyncDispose]: async () => {
      await running.stop();
    },
  };
}
