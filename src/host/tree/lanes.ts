/** Parts of one file that are under way at once: enough that the server never waits for us. */
const partsAtOnce = 16;

/** A part of a file. */
export interface Part {
  readonly offset: number;
  readonly length: number;
}

/**
 * Works through a file of `size` bytes part by part, each of `partBytes`, several at once. Ends only when nothing is under way any more, also
 * after a failure, because descriptors are used until then.
 *
 * @throws what failed first
 */
export async function inLanes(
  { size, partBytes }: { readonly size: number; readonly partBytes: number },
  work: (part: Part) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    try {
      while (next < size) {
        const offset = next;
        next += partBytes;
        await work({ offset, length: Math.min(partBytes, size - offset) });
      }
    } catch (error) {
      next = size;
      throw error;
    }
  };
  const lanes = Array.from({ length: Math.min(partsAtOnce, Math.ceil(size / partBytes)) }, lane);
  const failed = (await Promise.allSettled(lanes)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}
