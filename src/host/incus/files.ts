import type { Socket } from 'node:net';
import { z } from 'zod';
import type { Api } from './api.ts';
import { IncusError } from './errors.ts';
import type { CallOptions } from './instances.ts';
import { openSftpConnection } from './sftp-connection.ts';
import type { Call, Reply } from './transport.ts';

/** Owner and permissions inside the instance. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

/** What a path inside an instance leads to. */
export type GuestFile = Ownership &
  (
    | { readonly kind: 'file'; readonly content: Buffer }
    | { readonly kind: 'directory'; readonly names: readonly string[] }
    | { readonly kind: 'symlink'; readonly target: string }
  );

/** Largest file that {@link Files.get} takes unless told otherwise, in bytes: what is inside decides how large it is. */
const defaultMaxBytes = 64 * 2 ** 20;

const names = z.looseObject({ metadata: z.array(z.string()).nullish() });

/**
 * Files inside instances, running or not; a frozen one may not answer. Paths are absolute and any bytes but NUL.
 * Everything that throws, throws {@link IncusError}: `gone` when there is no such path.
 * @see Incus documentation, "REST API", "instances/NAME/files"
 */
export class Files {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Reads a file, a directory's names or a link's target; links are not followed. */
  async get(
    name: string,
    path: string,
    { maxBytes = defaultMaxBytes, ...options }: CallOptions & { readonly maxBytes?: number } = {},
  ): Promise<GuestFile> {
    const call = { ...this.#call('GET', 'read', name, path), maxBytes, ...options };
    return this.#api.raw(call, (reply) => guestFile(call, reply));
  }

  /** Writes a file, replacing one that is there. Not atomic: a reader inside may see a part. */
  put(
    name: string,
    path: string,
    file: Ownership & { readonly content: Uint8Array | string },
    options: CallOptions = {},
  ): Promise<void> {
    const { content } = file;
    const body = typeof content === 'string' ? Buffer.from(content) : content;
    const headers = { ...ownershipHeaders(file), 'x-incus-type': 'file', 'x-incus-write': 'overwrite' };
    return this.#api.done({ ...this.#call('POST', 'write', name, path), headers, body, ...options });
  }

  /** Makes a directory; its parent has to be there. One that is there is left as it is. */
  mkdir(name: string, path: string, ownership: Ownership, options: CallOptions = {}): Promise<void> {
    const headers = { ...ownershipHeaders(ownership), 'x-incus-type': 'directory' };
    return this.#api.done({ ...this.#call('POST', 'make directory', name, path), headers, ...options });
  }

  /** Deletes a file or an empty directory. */
  delete(name: string, path: string, options: CallOptions = {}): Promise<void> {
    return this.#api.done({ ...this.#call('DELETE', 'delete', name, path), ...options });
  }

  /** A connection for whole trees; see {@link openSftpConnection}. Whoever asks for it ends it. */
  connect(name: string, options: CallOptions = {}): Promise<Socket> {
    return openSftpConnection(this.#api.transport, name, options);
  }

  #call<M extends Call['method']>(method: M, verb: string, name: string, path: string) {
    const what = `${verb} ${JSON.stringify(path)} in instance "${name}"`;
    return { method, route: '/1.0/instances/{name}/files', what, params: { name }, query: { path } } as const;
  }
}

function ownershipHeaders({ uid, gid, mode }: Ownership) {
  return { 'x-incus-uid': String(uid), 'x-incus-gid': String(gid), 'x-incus-mode': mode.toString(8).padStart(4, '0') };
}

function guestFile({ what }: Call, { headers, body }: Reply): GuestFile {
  const ownership = {
    uid: Number(headers['x-incus-uid'] ?? 0),
    gid: Number(headers['x-incus-gid'] ?? 0),
    mode: Number.parseInt(String(headers['x-incus-mode'] ?? '0'), 8),
  };
  const kind = headers['x-incus-type'];
  if (kind === 'file') return { ...ownership, kind, content: body };
  if (kind === 'symlink') return { ...ownership, kind, target: body.toString('utf8').trimEnd() };
  if (kind === 'directory') {
    return { ...ownership, kind, names: names.parse(JSON.parse(body.toString('utf8'))).metadata ?? [] };
  }
  const text = 'it is neither file, directory nor link';
  throw new IncusError({ class: 'invalid', what, text, code: 'incus.odd-file' });
}
