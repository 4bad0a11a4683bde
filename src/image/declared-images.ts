import type { Clock } from '../base/clock.ts';
import { Problem } from '../base/problem.ts';
import type { ImageBuilder, ImageSeen } from '../controller/image-builder.ts';
import type { Incus } from '../host/incus/client.ts';
import { runGroup } from '../host/process/run-group.ts';
import type { ImageManifest, ImageRecipe } from '../spec/declared-image.ts';
import type { BaseTools } from './bases.ts';
import { identitiesOf } from './bases.ts';
import { customDefinition } from './custom-definition.ts';
import type { Definition } from './definition.ts';
import { findDefinition } from './find-definition.ts';
import { readDefinition } from './read-definition.ts';
import { recipeOf } from './recipe.ts';
import { imageProperties } from './up-to-date.ts';

/** What declared images are compared and built with. */
export interface DeclaredImagesInit {
  readonly incus: Pick<Incus, 'images' | 'operations' | 'server'>;
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  /** Directory of the host's settings. */
  readonly etc: string;
  /** This program: what stands before the arguments of its commands. */
  readonly program: readonly [string, ...string[]];
}

/**
 * How long a build has to clear up when it is called off, in milliseconds, what it started included. The next one goes on
 * where it was.
 */
const graceMs = 15_000;

/** Last lines of what a build said that are kept for the reason of its failure. */
const keptLines = 40;

/** Compares declared images, and has `coi build` build them: in a process of its own, and as whoever types it. */
export function openDeclaredImages(init: DeclaredImagesInit): ImageBuilder {
  return {
    look: (manifest, signal) => look(init, manifest, signal),
    async build(manifest, { anew, signal, onLine }) {
      const said: string[] = [];
      const { exitCode } = await runGroup({
        argv: [...init.program, ...commandFor(manifest, anew)],
        env: withoutService(init.env),
        clock: init.clock,
        signal,
        graceMs,
        onLine: (line) => {
          said.push(line);
          if (said.length > keptLines) said.shift();
          onLine(line);
        },
      });
      if (exitCode !== 0) throw failure(manifest, said);
    },
  };
}

/** What a service manager told the controller, and nobody else. See sd_notify(3). */
function withoutService(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NOTIFY_SOCKET: _socket, WATCHDOG_USEC: _usec, WATCHDOG_PID: _pid, ...rest } = env;
  return rest;
}

function commandFor({ name, image: { recipe, keep } }: ImageManifest, anew: boolean): string[] {
  const flags = [...(anew ? ['--force'] : []), ...(keep === undefined ? [] : ['--keep', String(keep)])];
  if (recipe.kind === 'definition') return ['build', ...flags, recipe.definition];
  return ['build', 'custom', '--script', recipe.script, '--base', recipe.base, ...flags, name];
}

async function look(init: DeclaredImagesInit, manifest: ImageManifest, signal: AbortSignal): Promise<ImageSeen> {
  const { images } = init.incus;
  const { name, image } = manifest;
  const definition = await definitionFor(init, name, image.recipe);
  const identities = await identitiesOf(lookTools(init, signal), definition);
  const recipes = identities.map((identity) => recipeOf(definition, identity));
  // Where its base is not there yet, its steps tell one definition from another.
  const wanted = [recipeOf(definition, ''), ...recipes].join(' ');
  const fingerprint = await images.resolve(name, { signal });
  if (fingerprint === undefined) return { look: { kind: 'missing' }, wanted };
  const { properties, uploadedAt } = await images.get(fingerprint, { signal });
  const { [imageProperties.definition]: maker, [imageProperties.recipe]: recipe = '' } = properties;
  if (maker === undefined) return { look: { kind: 'foreign', fingerprint }, wanted };
  const isCurrent = maker === definition.name && recipes.includes(recipe);
  return { look: { kind: 'built', fingerprint, isCurrent, builtAt: Date.parse(uploadedAt) }, wanted };
}

async function definitionFor({ etc }: DeclaredImagesInit, name: string, recipe: ImageRecipe): Promise<Definition> {
  if (recipe.kind === 'script') return await customDefinition({ ...recipe, name, cwd: '/' });
  const definition = await readDefinition(await findDefinition(recipe.definition, { etc, cwd: '/' }));
  if (definition.alias === name) return definition;
  throw new Problem({
    code: 'image.alias',
    message: `The definition "${recipe.definition}" makes an image "${definition.alias}", and not "${name}"`,
    hint: `Declare it as [image.${definition.alias}], with definition = ${JSON.stringify(recipe.definition)}.`,
  });
}

/** Nothing is made for a look. */
function lookTools({ incus, etc }: DeclaredImagesInit, signal: AbortSignal): BaseTools {
  const never = () => Promise.reject(new Error('a look makes no image'));
  return {
    incus,
    signal,
    hold: never,
    say: () => undefined,
    aliasOf: async (name) => (await readDefinition(await findDefinition(name, { etc, cwd: '/' }))).alias,
    build: never,
    fetch: never,
    bootstrap: never,
    bootstrapRecipe: async () => (await import('./bootstrap.ts')).bootstrapRecipe(signal),
  };
}

/** A command ends with `coi: ` and why, and indented lines on what to do. */
function failure({ name }: ImageManifest, said: readonly string[]): Problem {
  const at = said.findLastIndex((line) => line.startsWith('coi: '));
  const [first, ...rest] = at < 0 ? said.slice(-1) : said.slice(at);
  const why = first?.replace(/^coi: /, '') ?? 'it said nothing';
  const hint = rest.map((line) => line.trim()).join('\n  ');
  return new Problem({ code: 'image.build-failed', message: `image "${name}": ${why}`, ...(hint && { hint }) });
}
