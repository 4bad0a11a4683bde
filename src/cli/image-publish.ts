import { Problem } from '../base/problem.ts';
import { renderBytes, renderDuration } from '../base/units.ts';
import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Instance } from '../host/incus/instance.ts';
import { publishAs, type PublishedAs, type PublishingAs } from '../image/publish-as.ts';
import { classify } from '../observe/owned.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { requireAlias } from './named-image.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { jsonText, printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { deleteSource, requireDeletable } from './published-source.ts';
import type { Verb } from './verb.ts';

interface PublishOptions {
  readonly description?: string;
  readonly compression?: string;
  readonly delete?: boolean;
}

/** `coi image publish` */
export const imagePublish: Verb = async ({ io, args: [container = '', alias = ''], options }) => {
  const { description, compression, delete: goes = false } = options as PublishOptions;
  requireAlias(alias);
  await using incus = await openOwnIncus(io);
  const source = await findSource(incus, io, container);
  if (goes) await requireDeletable(io, source);
  const startedAt = io.clock.monotonic();
  const published = await publish(incus, io, {
    instance: source.name,
    alias,
    properties: { ...(description !== undefined && { description }) },
    ...(compression !== undefined && { compression: [programs[compression] ?? compression] }),
  });
  tell(io, alias, { ...published, took: io.clock.monotonic() - startedAt });
  io.stdout.write(jsonText({ fingerprint: published.image.fingerprint, alias }));
  return goes ? await deleteSource(io, source) : exitCodes.done;
};

/** With what they are to be called. */
const programs: Readonly<Record<string, string>> = { zstd: 'zstd -T0' };

async function publish(incus: Incus, io: Io, publishing: PublishingAs): Promise<PublishedAs> {
  const { instance, alias } = publishing;
  let progress = '';
  const onProgress = (text: string) => void (progress = `, ${text}`);
  const what = () =>
    io.signal.aborted
      ? `Waiting for Incus to let go of ${instance}`
      : `Making image ${printable(alias)} of ${instance}${printable(progress)}`;
  const tools = { incus, clock: io.clock, signal: io.signal };
  return withProgress(io, what, () => publishAs(tools, { ...publishing, onProgress }));
}

function tell(io: Io, alias: string, { image, formerly, took }: PublishedAs & { readonly took: number }): void {
  io.stderr.write(`Published ${printable(alias)}: ${renderBytes(image.sizeBytes)} in ${renderDuration(took)}\n`);
  if (formerly?.alias !== undefined)
    io.stderr.write(`What ${printable(alias)} was before is now ${printable(formerly.alias)}\n`);
}

/** The container of this name, or of the sandbox of this name. @throws {Problem} `image.no-source` */
async function findSource({ instances }: Incus, { signal }: Io, name: string): Promise<Instance> {
  for (const each of [name, `coi-${name}`].filter(isInstanceName)) {
    try {
      const { value } = await instances.get(each, { signal });
      const owner = classify(value);
      const isMeant = each === name || (owner.kind === 'owned' && owner.stamp.name === name);
      const isGoing = owner.kind === 'owned' && owner.isTombstone;
      if (isMeant && !isGoing) return value;
    } catch (error) {
      // Not being there is an answer to this question.
      if (!isIncusError(error, 'gone')) throw error;
    }
  }
  throw new Problem({
    code: 'image.no-source',
    message: `There is no container ${JSON.stringify(name.slice(0, 80))}`,
    hint: 'See those of coi with: coi list',
  });
}

/** Anything else cannot be one, and might not be a part of a path. */
function isInstanceName(name: string): boolean {
  return /^[A-Za-z][A-Za-z0-9-]{0,62}$/.test(name);
}
