import { confirmed } from './confirm.ts';
import { readSettings } from './settings.ts';
import type { Verb } from './verb.ts';
import { jsonText, printable } from './printable.ts';

const question = 'Remove every sandbox of this host and all network rules of coi?';

/** `coi uninstall` */
export const uninstall: Verb = async ({ io, options }) => {
  if (options['yes'] !== true && !(await confirmed(io, { question, otherwise: 'coi uninstall --yes' }))) {
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
