import type { Image } from '../host/incus/images.ts';
import { builtIn } from '../spec/defaults.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { jsonText, printableReport } from './printable.ts';
import { withProgress } from './progress.ts';
import { renderImages, renderVersions } from './render-images.ts';
import { readSettings } from './settings.ts';
import { compare } from './sort-status.ts';
import type { Verb } from './verb.ts';

interface ListOptions {
  readonly all?: boolean;
  readonly prefix?: string;
  readonly format?: string;
}

/** `coi image list`, and `coi images`: which images of coi there are, all images, or those with a prefix. */
export const imageList: Verb = async ({ io, options }) => {
  const { all: isAll = false, prefix, format } = options as ListOptions;
  await using incus = await openOwnIncus(io);
  const found = await withProgress(io, 'Asking for the images', () => incus.images.list({ signal: io.signal }));
  const images = found.filter(({ aliases }) => prefix === undefined || aliases.some(beginsWith(prefix)));
  const sorted = images.toSorted((a, b) => compare(nameOf(a), nameOf(b)));
  if (format === 'json') io.stdout.write(jsonText(sorted.map(reportImage)));
  else io.stdout.write(await render(io, sorted, { isAll, prefix }));
  return exitCodes.done;
};

function beginsWith(prefix: string): (alias: string) => boolean {
  return (alias) => alias.startsWith(prefix);
}

function nameOf({ aliases, fingerprint }: Image): string {
  // Those without a name come last.
  return aliases.toSorted(compare)[0] ?? `\u{10FFFF}${fingerprint}`;
}

async function render(
  io: Io,
  images: readonly Image[],
  { isAll, prefix }: { readonly isAll: boolean; readonly prefix: string | undefined },
): Promise<string> {
  const shown = printableReport(images);
  if (prefix !== undefined) return renderVersions(shown, beginsWith(prefix));
  const { layer } = await readSettings(io);
  return renderImages(shown, { usual: layer.defaults?.image ?? builtIn.image, isAll });
}

/** An image as scripts know it. Its size is in bytes. */
function reportImage({ fingerprint, aliases, sizeBytes, createdAt }: Image) {
  return { fingerprint, aliases: aliases.toSorted(compare), size: sizeBytes, created_at: createdAt };
}
