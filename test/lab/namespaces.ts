import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** Namespaces that live until `close` or until this process ends, whichever comes first. */
export interface Namespaces {
  /** The process that holds them. */
  readonly holder: number;
  /** Kills everything inside, removes the lab's directory and waits until all is gone. */
  close(): Promise<void>;
}

/**
 * Makes network and mount namespaces for the lab in `dir`.
 *
 * @throws when the kernel refuses one of them or one of the mounts; the message says which.
 */
export async function openNamespaces(dir: string): Promise<Namespaces> {
  const keeper = spawn(fileURLToPath(new URL('keeper', import.meta.url)), [dir], {
    // A session of its own: what is sent to the test's process group must not keep it from cleaning up.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = once(keeper, 'close');
  const complaints = text(keeper.stderr);
  const close = async (): Promise<void> => {
    keeper.stdin.end();
    const [exitCode] = await ended;
    const said = (await complaints).trim();
    if (exitCode !== 0 || said !== '') throw new Error(`Lab ${dir} was not taken down cleanly (${exitCode}): ${said}`);
  };
  for await (const line of createInterface(keeper.stdout)) {
    const [word, holder] = line.split(' ');
    if (word === 'ready') return { holder: Number(holder), close };
    break;
  }
  keeper.stdin.end();
  await ended;
  throw new Error(`Could not make the lab's namespaces in ${dir}: ${await complaints}`);
}
