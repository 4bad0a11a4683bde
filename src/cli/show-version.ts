import { jsonText } from './printable.ts';
import type { Verb } from './verb.ts';
import { projectUrl, version, versionText } from './version.ts';

/** `coi version` */
export const showVersion: Verb = async ({ io, options }) => {
  io.stdout.write(options['format'] === 'json' ? jsonText({ name: 'coi', version, url: projectUrl }) : versionText);
  return 0;
};
