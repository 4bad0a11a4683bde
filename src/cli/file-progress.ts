import { renderSize } from '../base/units.ts';
import type { Io } from './io.ts';
import { withProgress } from './progress.ts';

/** Copy something, with what has passed and how fast on stderr when it takes long. */
export async function withCopyProgress<Result>(
  io: Io,
  what: { readonly doing: string; readonly totalBytes?: number | undefined },
  copy: (onBytes: (bytes: number) => void) => Promise<Result>,
): Promise<Result> {
  const began = io.clock.monotonic();
  const ofAll = what.totalBytes === undefined ? '' : ` of ${renderSize(what.totalBytes)}`;
  let passed = 0;
  const text = () => {
    const seconds = Math.max((io.clock.monotonic() - began) / 1_000, 0.001);
    return `${what.doing}: ${renderSize(passed)}${ofAll}, ${renderSize(Math.round(passed / seconds))}/s`;
  };
  return withProgress(io, text, () => copy((bytes) => (passed += bytes)));
}
