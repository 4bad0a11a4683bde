/** Whether long proofs are to run whole instead of a sample. */
export const isFull = process.env['COI_TEST_FULL'] === '1';

/** The size of a proof: a sample by default, the whole on demand. */
export function sized(sample: number, whole: number): number {
  return isFull ? whole : sample;
}
