import type { Incus } from '../host/incus/client.ts';

/** What holding an image needs that was only made or fetched for a build. */
export interface FreshTools {
  readonly incus: Pick<Incus, 'images' | 'operations'>;
  readonly signal: AbortSignal;
  /** Wait until nobody else holds what comes from the same place. */
  readonly hold: (identity: string) => Promise<AsyncDisposable>;
}

/** An image that is held until disposed of, which may be done twice. */
export interface FreshImage extends AsyncDisposable {
  readonly fingerprint: string;
}

/**
 * Make or fetch an image. It goes with its holder if it was not on this host before (Incus fetches nothing that it has) and
 * nobody has given it a name meanwhile. Of one origin there is one holder at a time: none takes it from another.
 *
 * @param identity where it comes from
 */
export async function takeFresh(tools: FreshTools, identity: string, make: () => Promise<string>): Promise<FreshImage> {
  const { incus, signal, hold } = tools;
  await using stack = new AsyncDisposableStack();
  stack.use(await hold(identity));
  const before = new Set((await incus.images.list({ signal })).map((image) => image.fingerprint));
  const fingerprint = await make();
  if (!before.has(fingerprint)) stack.defer(() => dropUnnamed(tools, fingerprint));
  const held = stack.move();
  return { fingerprint, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function dropUnnamed({ incus: { images, operations } }: FreshTools, fingerprint: string): Promise<void> {
  const image = (await images.list()).find((each) => each.fingerprint === fingerprint);
  if (image?.aliases.length === 0) await operations.finish(await images.delete(fingerprint));
}
