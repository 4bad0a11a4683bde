import { renderBytes } from '../base/units.ts';
import type { Image } from '../host/incus/images.ts';
import { parseVersion } from '../image/versions.ts';
import { compare } from './sort-status.ts';
import { renderTable } from './table.ts';

/** Aliases that fit, one a line, with size and time of their images. */
export function renderVersions(images: readonly Image[], isMeant: (alias: string) => boolean): string {
  const rows = images.flatMap((image) =>
    image.aliases.filter(isMeant).map((alias) => [alias, renderBytes(image.sizeBytes), timeOf(image)]),
  );
  return renderTable({ head: ['ALIAS', 'SIZE', 'CREATED'], rows: rows.toSorted((a, b) => compare(a[0]!, b[0]!)) });
}

/** What is listed. */
interface Listing {
  /** The image of sandboxes that name none. */
  readonly usual: string;
  readonly isAll: boolean;
}

/** Which images of coi there are, all images where they are asked for, and where others come from. */
export function renderImages(images: readonly Image[], { usual, isAll }: Listing): string {
  const own = [...new Set([usual, ...images.filter(isBuilt).flatMap(plainNames)])];
  const lines = ['Available Images:', '', 'COI Images:', ...own.flatMap((name) => ownLines(images, name))];
  if (isAll) lines.push('', 'All Local Images:', ...allLines(images));
  return `${[...lines, '', ...remoteLines].join('\n')}\n`;
}

const remoteLines = [
  'Remote Images:',
  '  Of a server that Incus knows (incus remote list), once it is copied here:',
  '  incus image copy images:debian/12 local: --alias debian-12',
];

/** Whether a definition of an image says so: {@link publishImage}'s callers note it. */
function isBuilt({ properties }: Image): boolean {
  return 'coi.definition' in properties;
}

/** Names without a time. */
function plainNames({ aliases }: Image): string[] {
  return aliases.filter((alias) => !parseVersion(alias));
}

function ownLines(images: readonly Image[], name: string): string[] {
  const image = images.find(({ aliases }) => aliases.includes(name));
  if (!image) return [`  ${name} (not built)`, `    Build it: coi build ${name}`];
  const versions = images.flatMap(({ aliases }) => aliases.filter((alias) => parseVersion(alias)?.name === name));
  return [
    `  ${name} (built)`,
    `    Fingerprint: ${image.fingerprint.slice(0, 12)}`,
    `    Size: ${renderBytes(image.sizeBytes)}`,
    `    Created: ${timeOf(image)}`,
    ...(versions.length > 0 ? [`    Versions: ${versions.toSorted(compare).toReversed().join(', ')}`] : []),
  ];
}

function allLines(images: readonly Image[]): string[] {
  if (images.length === 0) return ['  (none)'];
  const rows = images.map((image) => [
    image.aliases.join(', ') || '-',
    image.fingerprint.slice(0, 12),
    renderBytes(image.sizeBytes),
    timeOf(image),
    image.properties['description'] ?? '',
  ]);
  const head = ['ALIAS', 'FINGERPRINT', 'SIZE', 'CREATED', 'DESCRIPTION'];
  return renderTable({ head, rows })
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`);
}

/** To the second, in UTC; empty where nobody knows. */
function timeOf({ createdAt }: Image): string {
  const at = Date.parse(createdAt);
  return Number.isNaN(at) ? '' : new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}
