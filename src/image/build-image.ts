import { Problem } from '../base/problem.ts';
import { baseTools } from './base-tools.ts';
import { findBase, identitiesOf, type Base, type BaseTools } from './bases.ts';
import { BuildLog } from './build-log.ts';
import { lockBuild } from './build-lock.ts';
import { buildStages, timed } from './build-stages.ts';
import type { BuildContainer, BuildTools, Built } from './build-tools.ts';
import type { Definition } from './definition.ts';
import { publishContainer } from './finish-image.ts';
import { recipeOf, stageHashes } from './recipe.ts';
import { retainVersions } from './retain.ts';
import { countKept, returnToStage } from './stages.ts';
import { regain, upToDate } from './up-to-date.ts';

/** What is to be built, and how. */
export interface BuildRequest {
  readonly definition: Definition;
  /** Whether it is built although there is an image, and without stages of earlier builds. */
  readonly force: boolean;
  /** How to go on after a failure: a command. */
  readonly retry: string;
}

/**
 * Have the image of a definition be as the definition says: builds it unless it is. Two builds of one alias follow each other,
 * and the second has nothing to do then.
 *
 * @throws {Problem} what is wrong, with the stage and the path of the whole log
 */
export async function buildImage(tools: BuildTools, request: BuildRequest): Promise<Built> {
  const { definition, force } = request;
  const { alias } = definition;
  const { signal, say } = tools;
  const onWait = (how: string) =>
    say(`Another process builds "${alias}" already; waiting for it (root sees which with: ${how})`);
  await using _ = await lockBuild({ subject: `${tools.place}\n${alias}`, clock: tools.clock, signal, onWait });
  if (force) return await withLog(tools, request);
  const bases = baseTools(tools, definition, async () => undefined);
  // Whoever had it may have built just this.
  const before = (await upToDate(bases, definition)) ?? (await regain(bases, definition));
  return before ?? (await withLog(tools, request));
}

async function withLog(tools: BuildTools, request: BuildRequest): Promise<Built> {
  const { definition, force, retry } = request;
  await using log = await BuildLog.open(definition.alias);
  try {
    return await build(tools, request, log);
  } catch (error) {
    tools.signal.throwIfAborted();
    if (!(error instanceof Problem)) throw error;
    log.keep();
    const again = isKept(definition) && !force ? 'To go on at this stage' : 'To try again';
    throw new Problem({
      code: error.code,
      message: error.message,
      hint: [error.hint, fullHint(log), `The whole log: ${log.path}. ${again}: ${retry}`]
        .flatMap((each) => each ?? [])
        .join('\n  '),
      cause: error,
    });
  }
}

/** What runs inside only says that there is no space, and not where. */
function fullHint(log: BuildLog): string | undefined {
  const isFull = log.lastLines().some((line) => /no space left on device|disk quota exceeded/i.test(line));
  return isFull ? 'The storage pool or the container is full: incus storage info NAME.' : undefined;
}

async function build(tools: BuildTools, { definition, force }: BuildRequest, log: BuildLog): Promise<Built> {
  const { alias, steps } = definition;
  const bases = baseTools(tools, definition, log.take);
  await using container = await openContainer(tools, definition);
  const start = force ? undefined : await keptStart(tools, { definition, container, bases });
  if (!start) await container.drop();
  await using base = start ? undefined : await findBase(bases, definition);
  const { image, identity, kept } = start ?? startFrom(base!);
  const { instance, stages } = await container.run(image, async (name) => {
    // Once there is the container, nobody has to wait for what it was made from.
    await base?.[Symbol.asyncDispose]();
    const hashes = stageHashes(identity, steps);
    const init = { definition, hashes, kept, isKeeping: isKept(definition), log };
    return { instance: name, stages: await buildStages(tools, name, init) };
  });
  // Of the container also where there were no steps: the base is somebody else's image.
  const result = { definition, recipe: recipeOf(definition, identity) };
  const finish = () => publishContainer(tools, instance, result);
  const { value: finished, report } = await timed(tools, { name: 'publish', title: 'publish' }, finish);
  await retain(tools, alias);
  return { alias, ...finished, skipped: false, stages: [...stages, report] };
}

/** The only stage there is would never be gone on from: then its container goes, however the build ends. */
function isKept({ steps }: Definition): boolean {
  return steps.length > 1;
}

async function openContainer(tools: BuildTools, definition: Definition): Promise<BuildContainer & AsyncDisposable> {
  const container = await tools.container(definition.alias);
  return {
    ...container,
    [Symbol.asyncDispose]: async () => {
      if (!isKept(definition)) await container.drop();
    },
  };
}

interface Start {
  /** Fingerprint of what the container is made from. */
  readonly image: string;
  readonly identity: string;
  /** How many stages are there already. */
  readonly kept: number;
}

interface Keeping {
  readonly definition: Definition;
  readonly container: BuildContainer;
  readonly bases: BaseTools;
}

/** Goes on from the last stage of an earlier build that is as it would be now. */
async function keptStart({ incus }: BuildTools, { definition, container, bases }: Keeping): Promise<Start | undefined> {
  const found = await container.find();
  if (!found) return undefined;
  const { instance, image } = found;
  for (const identity of await identitiesOf(bases, definition)) {
    const hashes = stageHashes(identity, definition.steps);
    const kept = await countKept({ incus, instance }, hashes);
    if (kept === 0) continue;
    await returnToStage({ incus, instance }, hashes, kept);
    return { image, identity, kept };
  }
  return undefined;
}

function startFrom({ fingerprint, identity }: Base): Start {
  return { image: fingerprint, identity, kept: 0 };
}

async function retain(tools: BuildTools, alias: string): Promise<void> {
  const { keep, say } = tools;
  const users = await tools.users();
  const gone = await retainVersions(tools, { keep, users, only: alias });
  if (gone.length > 0) say(`Old versions that are gone: ${gone.join(', ')}`);
}
