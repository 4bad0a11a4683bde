import { Problem } from '../base/problem.ts';
import type { BaseTools } from './bases.ts';
import { lockBuild } from './build-lock.ts';
import type { BuildTools } from './build-tools.ts';
import type { Definition } from './definition.ts';
import { readDefinition } from './read-definition.ts';

/**
 * How the base of a definition is found, made and fetched. What that takes is loaded when it is needed: most builds find
 * that there is nothing to do.
 *
 * @param output is told what is printed while a base is made
 */
export function baseTools(
  tools: BuildTools,
  { alias }: Definition,
  output: (chunk: Uint8Array) => Promise<void>,
): BaseTools {
  const { incus, clock, signal, say, registries, during } = tools;
  const definitionOf = async (name: string) => readDefinition(await tools.find(name));
  const buildLower = async (name: string) => {
    const { buildImage } = await import('./build-image.ts');
    const definition = await definitionOf(name);
    const above = [...(tools.above ?? [alias]), definition.alias];
    if (new Set(above).size < above.length) throw circle(above);
    const built = await buildImage({ ...tools, above }, { definition, force: false, retry: `coi build ${name}` });
    return built.fingerprint;
  };
  const fetch = async (name: string) => {
    const { fetchRemote } = await import('./fetch-remote.ts');
    return await fetchRemote({ incus, env: (await registries()).env, signal }, name);
  };
  return {
    incus,
    signal,
    say,
    hold: (identity) =>
      lockBuild({
        subject: `${tools.place}\n${identity}`,
        clock,
        signal,
        onWait: (how) =>
          say(`Another process fetches or makes what this starts from; waiting for it (root sees which with: ${how})`),
      }),
    aliasOf: async (name) => (await definitionOf(name)).alias,
    build: buildLower,
    fetch: (name) => during(`Fetching ${name}`, () => fetch(name)),
    bootstrap: () =>
      during('Making a root file system', async () =>
        (await import('./bootstrap.ts')).bootstrap({
          incus,
          clock,
          env: (await registries()).env,
          signal,
          output,
        }),
      ),
    bootstrapRecipe: async () => (await import('./bootstrap.ts')).bootstrapRecipe(signal),
  };
}

function circle(names: readonly string[]): Problem {
  return new Problem({
    code: 'image.circle',
    message: `The image "${names.at(-1)}" would be built from itself: ${names.join(', ')}`,
    hint: 'Give one of them another base.',
  });
}
