import { closeSync, fsyncSync, fstatSync, readFileSync, writeFileSync } from 'node:fs';
import { type HeldDirectory } from '../../host/tree/held-directory.ts';

/** The file beside a session's data that says whose it is. */
export const metadataName = 'metadata.json';

/** Whether something in a session's directory is metadata, or was left by a process that was writing it. */
export function isMetadata(name: string): boolean {
  return name === metadataName || name.startsWith(`.${metadataName}.`);
}

/** Largest file that is taken for metadata, in bytes. */
const maxBytes = 65_536;

/** What is known of a session besides its data. */
export interface SessionMetadata {
  readonly id: string;
  /** Incus instance that it ran in. */
  readonly container: string;
  readonly persistent: boolean;
  /** Absolute path on the host; empty for a sandbox without one. */
  readonly workspace: string;
  /** RFC 3339 with a zone. */
  readonly savedAt: string;
  /** Files and directories that are not in the copy; 0 when it is whole. */
  readonly leftOut: number;
}

/** The text of a metadata file, with the fields of the original; `left_out` only where something is. */
export function renderMetadata({ id, container, persistent, workspace, savedAt, leftOut }: SessionMetadata): string {
  const fields = { session_id: id, container_name: container, persistent, workspace, saved_at: savedAt };
  return `${JSON.stringify(leftOut > 0 ? { ...fields, left_out: leftOut } : fields, undefined, 2)}\n`;
}

/** Reads a metadata file's text; undefined when it is none, or belongs to another session. */
export function parseMetadata(text: string, id: string): SessionMetadata | undefined {
  const fields = fieldsOf(text);
  const { session_id, container_name, persistent, workspace, saved_at, left_out } = fields ?? {};
  if (session_id !== id || typeof container_name !== 'string' || typeof workspace !== 'string') return undefined;
  if (typeof saved_at !== 'string' || Number.isNaN(Date.parse(saved_at))) return undefined;
  const leftOut = typeof left_out === 'number' ? left_out : 0;
  return { id, container: container_name, persistent: persistent === true, workspace, savedAt: saved_at, leftOut };
}

function fieldsOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Cut off, or written by a version that did not quote: nothing in it can be relied on.
    return undefined;
  }
}

/** The metadata in a session's directory; undefined when there is none that makes sense. */
export function readMetadata(session: HeldDirectory, id: string): SessionMetadata | undefined {
  const stats = session.look(metadataName);
  if (!stats?.isFile() || stats.size > maxBytes) return undefined;
  const fd = session.openFile(metadataName);
  try {
    return fstatSync(fd).isFile() ? parseMetadata(readFileSync(fd, 'utf8'), id) : undefined;
  } finally {
    closeSync(fd);
  }
}

/** Writes the metadata into a session's directory, in one go and so that it survives a power cut. */
export function writeMetadata(session: HeldDirectory, metadata: SessionMetadata): void {
  const temporary = `.${metadataName}.${process.pid}`;
  session.removeIfThere(temporary);
  const fd = session.create(temporary);
  try {
    writeFileSync(fd, renderMetadata(metadata));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  session.rename(temporary, metadataName);
  session.sync();
}
