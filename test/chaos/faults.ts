import { callFaults } from './call-faults.ts';
import { editFaults } from './edit-faults.ts';
import { eventFaults } from './event-faults.ts';
import type { Fault } from './fault.ts';
import { hostFaults } from './host-faults.ts';
import { incusdFaults } from './incusd-faults.ts';

/** Every fault that a plan can be about. */
export const faults: readonly Fault[] = [...callFaults, ...eventFaults, ...editFaults, ...hostFaults, ...incusdFaults];

export function faultNamed(name: string): Fault {
  const found = faults.find((each) => each.name === name);
  if (!found) throw new Error(`There is no fault ${name}`);
  return found;
}
