import { createReadStream, openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { FormData } from 'undici';
import { z } from 'zod';
import type { Api } from './api.ts';
import { isIncusError } from './errors.ts';
import type { CallOptions } from './instances.ts';
import type { StartedOperation } from './operation.ts';

const schema = z.looseObject({
  fingerprint: z.string().min(1),
  size: z.number().default(0),
  type: z.string().default('container'),
  architecture: z.string().default(''),
  properties: z.record(z.string(), z.string()).nullish(),
  aliases: z.array(z.looseObject({ name: z.string() })).nullish(),
  created_at: z.string().default(''),
  uploaded_at: z.string().default(''),
});
const aliasSchema = z.looseObject({ name: z.string(), target: z.string().min(1) });

/** What an image is replaced with, but for its properties. */
const kept = z.object({
  auto_update: z.boolean(),
  public: z.boolean(),
  expires_at: z.string(),
  profiles: z.array(z.string()).nullish(),
});

/** An image of this host. */
export interface Image {
  readonly fingerprint: string;
  readonly sizeBytes: number;
  readonly type: string;
  readonly architecture: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly aliases: readonly string[];
  /** When it was made, RFC 3339; what its maker says, which may be long before Incus existed. */
  readonly createdAt: string;
  /** When it came here, RFC 3339. */
  readonly uploadedAt: string;
}

/** What an image is made from: an instance that stands still, or a snapshot of one. */
export interface ImageOrigin {
  readonly instance: string;
  readonly snapshot?: string | undefined;
}

/** What a new image is called, and how it is packed. */
export interface NewImage {
  /** Aliases that come into being together with it; none of them may be there. */
  readonly aliases?: readonly string[];
  /** Beside those of the image that the origin was made from, or in their place. */
  readonly properties?: Readonly<Record<string, string>>;
  /** `none`, or a program of the host with its arguments, as in `zstd -T0`; what Incus is set to unless given. */
  readonly compression?: string | undefined;
}

/** An image on a server, and how that is spoken to. */
export interface ImageServer {
  readonly server: string;
  /** `simplestreams`, `incus`, … */
  readonly protocol: string;
  readonly alias: string;
}

/** Files of an image: one tarball with everything, or metadata and root file system apart. */
export type ImageFiles = { readonly unified: string } | { readonly metadata: string; readonly rootfs: string };

/** Longest upload, in milliseconds. */
const uploadTimeoutMs = 600_000;

const aliases = '/1.0/images/aliases';
const alias = '/1.0/images/aliases/{name}';
const member = '/1.0/images/{fingerprint}';

/** Images of this host. Everything that throws, throws {@link IncusError}. @see Incus documentation, "REST API", "images" */
export class Images {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  async list(options: CallOptions = {}): Promise<readonly Image[]> {
    const call = { method: 'GET', route: '/1.0/images', what: 'list images', query: { recursion: '1' } } as const;
    const parse = (value: unknown) => z.array(z.unknown()).parse(value).map(parseImage);
    return (await this.#api.sync({ ...call, ...options }, parse)).value;
  }

  /** @throws {IncusError} `gone` */
  async get(fingerprint: string, options: CallOptions = {}): Promise<Image> {
    const call = { method: 'GET', route: member, what: `read image ${fingerprint}`, params: { fingerprint } } as const;
    return (await this.#api.sync({ ...call, ...options }, parseImage)).value;
  }

  /** Fingerprint that an alias stands for; undefined when there is no such alias. */
  async resolve(name: string, options: CallOptions = {}): Promise<string | undefined> {
    const call = { method: 'GET', route: alias, what: `find image "${name}"`, params: { name } } as const;
    try {
      return (await this.#api.sync({ ...call, ...options }, (value) => aliasSchema.parse(value).target)).value;
    } catch (error) {
      // Not being there is an answer to this question.
      if (isIncusError(error, 'gone')) return undefined;
      throw error;
    }
  }

  /** Begins to import; the operation's metadata holds the `fingerprint`. One that is there already: `incus.image-made`. */
  async import(files: ImageFiles, options: CallOptions = {}): Promise<StartedOperation> {
    const call = { method: 'POST', route: '/1.0/images', timeoutMs: uploadTimeoutMs, ...options } as const;
    if ('unified' in files) {
      const headers = { 'content-type': 'application/octet-stream', 'x-incus-filename': basename(files.unified) };
      const body = createReadStream(files.unified);
      return this.#api.begin({ ...call, what: `import image ${files.unified}`, headers, body });
    }
    const body = new FormData();
    body.set('metadata', await openAsBlob(files.metadata), basename(files.metadata));
    body.set('rootfs', await openAsBlob(files.rootfs), basename(files.rootfs));
    return this.#api.begin({ ...call, what: `import image ${files.rootfs}`, body });
  }

  /**
   * Begins to make an image; the operation's metadata holds its `fingerprint`. Nothing is there before it is whole. It ends as
   * `incus.no-compressor` where incusd does not find the program, and as `incus.taken` where an alias is there already: then
   * there is the image, without any alias.
   */
  publish(
    { instance, snapshot }: ImageOrigin,
    { aliases: names = [], properties = {}, compression }: NewImage,
    options: CallOptions = {},
  ): Promise<StartedOperation> {
    const source =
      snapshot === undefined
        ? { type: 'instance', name: instance }
        : { type: 'snapshot', name: `${instance}/${snapshot}` };
    const json = {
      source,
      properties,
      aliases: names.map((name) => ({ name })),
      ...(compression !== undefined && { compression_algorithm: compression }),
    };
    const what = `make an image of instance "${instance}"`;
    return this.#api.begin({ method: 'POST', route: '/1.0/images', what, json, ...options });
  }

  /** Begins to fetch an image from a server; the operation's metadata holds its `fingerprint`. */
  pull(source: ImageServer, options: CallOptions = {}): Promise<StartedOperation> {
    const what = `fetch image "${source.alias}" from ${source.server}`;
    const json = { source: { type: 'image', mode: 'pull', ...source } };
    return this.#api.begin({ method: 'POST', route: '/1.0/images', what, json, ...options });
  }

  /** Replaces all properties of an image. @throws {IncusError} `conflict` when somebody else changed it meanwhile */
  async setProperties(
    fingerprint: string,
    properties: Readonly<Record<string, string>>,
    options: CallOptions = {},
  ): Promise<void> {
    const call = { route: member, what: `change image ${fingerprint}`, params: { fingerprint } } as const;
    const { value, etag } = await this.#api.sync({ method: 'GET', ...call, ...options }, (image) => kept.parse(image));
    await this.#api.done({ method: 'PUT', ...call, json: { ...value, properties }, etag, ...options });
  }

  /** Makes an alias stand for an image, whatever it stood for before. */
  async setAlias(name: string, target: string, options: CallOptions = {}): Promise<void> {
    const what = `let "${name}" stand for image ${target}`;
    try {
      await this.#api.done({ method: 'POST', route: aliases, what, json: { name, target }, ...options });
    } catch (error) {
      // There is such an alias: move it.
      if (!isIncusError(error, 'conflict')) throw error;
      await this.#api.done({ method: 'PUT', route: alias, what, params: { name }, json: { target }, ...options });
    }
  }

  deleteAlias(name: string, options: CallOptions = {}): Promise<void> {
    const call = { method: 'DELETE', route: alias, what: `delete image alias "${name}"`, params: { name } } as const;
    return this.#api.done({ ...call, ...options });
  }

  /** Begins to delete. Instances made from it go on; aliases go with it. */
  delete(fingerprint: string, options: CallOptions = {}): Promise<StartedOperation> {
    const call = {
      method: 'DELETE',
      route: member,
      what: `delete image ${fingerprint}`,
      params: { fingerprint },
    } as const;
    return this.#api.begin({ ...call, ...options });
  }
}

function parseImage(value: unknown): Image {
  const image = schema.parse(value);
  return {
    fingerprint: image.fingerprint,
    sizeBytes: image.size,
    type: image.type,
    architecture: image.architecture,
    properties: image.properties ?? {},
    aliases: (image.aliases ?? []).map(({ name }) => name),
    createdAt: image.created_at,
    uploadedAt: image.uploaded_at,
  };
}
