import { Problem } from '../base/problem.ts';
import { startsWith, type KeyProblem } from './check-data.ts';
import { imageFaults, resolveImage, type ImageManifest } from './declared-image.ts';
import { hashImage } from './hash.ts';
import type { TomlDocument } from './parse-toml.ts';
import type { ImageLayer } from './schema/declared-image.ts';

/** A file whose tables of images are read. */
export interface ImagesInput {
  readonly document: TomlDocument;
  /** What is wrong with the file by its schema. */
  readonly found: readonly KeyProblem[];
  readonly file: string;
  /** Identifier of the source. */
  readonly source: string;
  /** Home directory of the file's owner, for `~`. */
  readonly home: string;
}

/** The images of one file. */
export interface ParsedImages {
  /** Those without problems of their own. */
  readonly images: readonly ImageManifest[];
  readonly problems: readonly Problem[];
  /** Names of all of them, the wrong ones too. */
  readonly imageNames: readonly string[];
}

/** Read the tables `[image.NAME]` of one manifest file. */
export function parseImages(input: ImagesInput): ParsedImages {
  const tables = Object.entries(asTable(input.document.data['image']) ?? {});
  const read = tables.map(([name, table]) => readImage(name, asTable(table) as ImageLayer | undefined, input));
  return {
    images: read.flatMap(({ image }) => image ?? []),
    problems: read.flatMap(({ problems }) => problems),
    imageNames: tables.map(([name]) => name),
  };
}

function readImage(
  name: string,
  layer: ImageLayer | undefined,
  { document, found, file, source, home }: ImagesInput,
): { readonly image?: ImageManifest; readonly problems: readonly Problem[] } {
  const path = ['image', name];
  // The schema has said what is wrong, with it or with there being images at all.
  const isWrong = found.some((each) => startsWith(each.path, path) || startsWith(path, each.path));
  if (!layer || isWrong) return { problems: [] };
  const faults = imageFaults(name, layer);
  const problems = faults.map(
    ({ path: key, message, hint }) =>
      new Problem({
        code: 'spec.combination',
        message: `image.${name}: ${message}`,
        hint,
        position: { file, ...document.locator.nearest([...path, ...key]).key },
      }),
  );
  if (problems.length > 0) return { problems };
  const image = resolveImage(name, layer, home);
  const position = { file, line: document.locator.nearest(path).key.line };
  return { image: { name, image, source, position, hash: hashImage(image) }, problems };
}

function asTable(value: unknown): Record<string, unknown> | undefined {
  const isTable = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isTable ? (value as Record<string, unknown>) : undefined;
}
