import type { Outcome } from './stage.ts';
import { modeNames, type Mode, type Technique } from './technique.ts';

/** What is printed of one technique in one mode: where how many bytes arrived. */
function cell(outcome: Outcome, technique: number, mode: Mode): string {
  const spots = outcome.arrived.get(`${technique} ${modeNames.indexOf(mode)}`) ?? new Map();
  const parts = [...spots].map(([spot, { bytes }]) => `${spot} ${bytes}`);
  return parts.length > 0 ? parts.join(' ') : '0';
}
void cell;
export type { Technique };
