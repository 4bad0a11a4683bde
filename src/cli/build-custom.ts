import { customDefinition } from '../image/custom-definition.ts';
import { builtIn } from '../spec/defaults.ts';
import { buildHere, retryOf } from './build.ts';
import { jsonText } from './printable.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';

/** `coi build custom` */
export const buildCustom: Verb = async ({ io, args, options }) => {
  const [name = ''] = args;
  const script = options['script'] as string | undefined;
  if (script === undefined) {
    throw new UsageProblem('build custom needs --script', 'Example: coi build custom my-image --script ./set-up.sh');
  }
  const base = (options['base'] as string | undefined) ?? builtIn.image;
  const definition = await customDefinition({ name, script, base, cwd: io.cwd });
  const asked = ['build', 'custom', name, '--script', script, '--base', base];
  const request = { definition, force: options['force'] === true, retry: retryOf(asked, options) };
  const { alias, skipped, fingerprint, versionAlias } = await buildHere(
    io,
    request,
    options['keep'] as number | undefined,
  );
  io.stdout.write(jsonText({ alias, skipped, fingerprint, ...(versionAlias && { version_alias: versionAlias }) }));
  return 0;
};
