import { z } from 'zod';
import { builtIn } from '../defaults.ts';
import { field } from './field.ts';

/** A name or an address, and a port; IPv6 in brackets. */
const place = z.string().regex(/^(?:[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:.]+\]):[1-9][0-9]{0,4}$/);

/** Where `coi health` looks whether sandboxes get there. */
export const healthSection = z.strictObject({
  reach: field(place, {
    description: 'Where a restricted sandbox must get to.',
    default: builtIn.health.reach,
    allowed: 'a name or an address with a port, such as "api.anthropic.com:443" or "[2001:db8::7]:443"',
  }),
  private: field(z.array(place), {
    description: 'Places in private networks, where it must not get to.',
    default: builtIn.health.private,
    allowed: 'a list of names or addresses with ports, such as ["10.0.0.1:80"]',
  }),
});
