import { renderSize, renderDuration } from '../base/units.ts';
import type { Incus } from '../host/incus/client.ts';
import { publishAs, type PublishedAs, type PublishingAs } from '../image/publish-as.ts';
import { isTombstoneName } from '../plan/tombstone-name.ts';
import { exitCodes } from './failure.ts';
import { requireInstance, requireOwn } from './find-instance.ts';
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
  const source = await requireInstance(incus, container, io.signal);
  // What waits for its deletion goes at any moment.
  if (isTombstoneName(source.name)) requireOwn(source, `publish ${source.name}`);
  if (goes) await requireDeletable(io, source);
  const startedAt = io.clock.monotonic();
  const published = await publish(incus, io, {
    instance: source.name,
    alias,
    properties: { description: description ?? `Made of ${source.name}` },
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
  io.stderr.write(`Published ${printable(alias)}: ${renderSize(image.sizeBytes)} in ${renderDuration(took)}\n`);
  if (formerly?.alias !== undefined)
    io.stderr.write(`What ${printable(alias)} was before is now ${printable(formerly.alias)}\n`);
}
