import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf, Problem, ProblemList } from '../base/problem.ts';
import { parseDuration, parseSize } from '../base/units.ts';
import { checkData } from '../spec/check-data.ts';
import type { KeyPath, TomlLocator } from '../spec/locate-toml.ts';
import { parseToml } from '../spec/parse-toml.ts';
import { definitionSchema, type DefinitionFile } from './definition-schema.ts';
import { versionVariable, type BaseSource, type BuildStep, type Definition, type Tree } from './definition.ts';
import { requireImageName } from './require-image-name.ts';
import { maxTextBytes, readPlainFile } from './read-plain-file.ts';
import { readScript, readTree } from './read-tree.ts';

/**
 * Read a folder with an `image.toml`, and all that it names.
 *
 * @throws {Problem} `image.no-definition` when there is no such file, `image.name` when it has no name for an image
 * @throws {ProblemList} what is wrong with it, each with its place
 */
export async function readDefinition(folder: string): Promise<Definition> {
  const file = join(folder, 'image.toml');
  const document = parseToml(file, await textOf(folder, file));
  if (document instanceof Problem) throw document;
  const found = checkData({ schema: definitionSchema, file, ...document });
  if (found.length > 0) throw new ProblemList(found.map(({ problem }) => problem));
  return await complete(document.data as DefinitionFile, { folder, file, locator: document.locator });
}

async function textOf(folder: string, file: string): Promise<string> {
  try {
    const within = await realpath(folder);
    const { content } = await readPlainFile(await realpath(file), { maxBytes: maxTextBytes, within });
    return content.toString('utf8');
  } catch (cause) {
    throw new Problem({
      code: 'image.no-definition',
      message: `There is no image definition at ${file}: ${messageOf(cause)}`,
      hint:
        (cause instanceof Problem && cause.hint) ||
        'A definition is a folder with an image.toml; see images/README.md.',
      cause,
    });
  }
}

interface Place {
  readonly folder: string;
  readonly file: string;
  readonly locator: TomlLocator;
}

async function complete(data: DefinitionFile, place: Place): Promise<Definition> {
  const name = basename(place.folder);
  const { description, versions = {}, base, alias = name } = data;
  requireImageName(alias, 'Give it an alias in its image.toml');
  const steps: BuildStep[] = [];
  for (const index of (data.step ?? []).keys()) steps.push(await stepOf(data, index, place));
  return {
    name,
    description,
    alias,
    bases: (Array.isArray(base) ? base : [base]).map(sourceOf),
    versions,
    steps,
    expectations: (data.expect ?? []).map(({ command, user = 'root' }) => ({ command, user })),
    ...(data.size && { maxBytes: parseSize(data.size.max)! }),
  };
}

function sourceOf(source: Exclude<DefinitionFile['base'], readonly unknown[]>): BaseSource {
  if (typeof source === 'string') return { kind: 'image', alias: source };
  if ('image' in source) return { kind: 'image', alias: source.image };
  if ('definition' in source) return { kind: 'definition', name: source.definition };
  if ('remote' in source) return { kind: 'remote', name: source.remote };
  return { kind: 'packages' };
}

async function stepOf({ step = [], versions = {} }: DefinitionFile, index: number, place: Place): Promise<BuildStep> {
  const { name, script, files = [], timeout } = step[index]!;
  const at = (...path: KeyPath) => ({ file: place.file, ...place.locator.nearest(['step', index, ...path]).value });
  const { folder } = place;
  const trees: Tree[] = [];
  for (const [at_, path] of files.entries()) trees.push(await readTree({ folder, path, position: at('files', at_) }));
  const content = script === undefined ? undefined : await readScript({ folder, path: script, position: at('script') });
  const mentioned = Object.entries(versions).filter(([each]) => mentions({ trees, content }, versionVariable(each)));
  return {
    name,
    trees,
    ...(content && { script: content }),
    ...(timeout !== undefined && { timeoutMs: parseDuration(timeout)! }),
    versions: Object.fromEntries(mentioned.map(([each, value]) => [versionVariable(each), value])),
  };
}

/** Whether a step can tell one version from another: what it does not mention does not change what it does. */
function mentions(
  { trees, content }: { trees: readonly Tree[]; content: Uint8Array | undefined },
  word: string,
): boolean {
  const contents = trees.flatMap(({ entries }) =>
    entries.flatMap((each) => (each.kind === 'file' ? [each.content] : [])),
  );
  return [...(content ? [content] : []), ...contents].some((bytes) => Buffer.from(bytes).includes(word));
}
