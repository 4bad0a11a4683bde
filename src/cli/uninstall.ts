import { createInterface } from 'node:readline/promises';
import { readSettings } from './settings.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';
import type { Io } from './io.ts';
import { jsonText, printable } from './printable.ts';

/** `coi uninstall` */
export const uninstall: Verb = async ({ io, options }) => {
  if (options['yes'] !== true && !(await confirmed(io))) {
    io.stderr.write('Nothing was removed.\n');
    return 0;
  }
  const { runUninstall } = await import('../daemon.ts');
  const removed: string[] = [];
  await runUninstall({ settings: await readSettings(io), io }, (name) => {
    removed.push(name);
    io.stderr.write(`Removed ${printable(name)}\n`);
  });
  if (options['format'] === 'json') io.stdout.write(jsonText({ removed }));
  else io.stdout.write('Removed every sandbox, the network rules and the block policies. Manifests and state stay.\n');
  return 0;
};

async function confirmed(io: Io): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new UsageProblem('uninstall asks before it removes anything', 'Example: coi uninstall --yes');
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question('Remove every sandbox of this host and all network rules of coi? [y/N] ', {
      signal: io.signal,
    });
    return answer === 'y' || answer === 'Y';
  } finally {
    asking.close();
  }
}
