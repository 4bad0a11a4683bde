import { setTimeout as sleep } from 'node:timers/promises';
import { isFull } from '../helpers/full.ts';
import { between, type Fault, type FaultContext } from './fault.ts';

interface Delivery {
  readonly number: number;
  readonly send: () => void;
}

/** From the event at the plan's index on, `act` decides how each arrives. */
function eventFault(name: string, act: (event: Delivery, context: FaultContext) => void): Fault {
  return {
    name,
    class: 'F5',
    at: 'event',
    arm: (context) => {
      const from = Number(context.plan.index.slice(1));
      context.stage.proxy.events.deliver = (event) => {
        if (event.number < from) return event.send();
        if (event.number === from) context.fire();
        act(event, context);
      };
    },
  };
}

const fewest = (context: FaultContext) => Number(context.plan.index.slice(1)) + 1 + (context.plan.seed % 3);

/** F5: the event stream misbehaves. */
export const eventFaults: readonly Fault[] = [
  eventFault('events-dropped', ({ number, send }, context) => {
    if (number >= fewest(context)) send();
  }),
  eventFault('events-doubled', ({ send }) => {
    send();
    send();
  }),
  eventFault('events-late', ({ send }, { beside, random }) => beside(sleep(between(random, 50, 900)).then(send))),
  {
    name: 'events-shuffled',
    class: 'F5',
    at: 'event',
    arm: (context) => {
      const held: (() => void)[] = [];
      const from = Number(context.plan.index.slice(1));
      const release = () => {
        for (const send of held.splice(0).toReversed()) send();
      };
      context.stage.proxy.events.deliver = ({ number, send }) => {
        if (number < from) return send();
        if (number === from) context.fire();
        held.push(send);
        if (held.length >= 4) release();
        else context.beside(sleep(150).then(release));
      };
    },
  },
  {
    name: 'events-cut',
    class: 'F5',
    at: 'event',
    arm: (context) => cut(context, isFull && context.plan.seed % 10 === 0 ? 30_000 : 900),
  },
];

function cut({ stage, plan, fire, beside }: FaultContext, forMs: number): void {
  const tap = stage.proxy.events;
  const at = Number(plan.index.slice(1));
  tap.deliver = ({ number, send }) => {
    if (number < at) return send();
    if (number > at) return send();
    fire();
    tap.isCut = true;
    beside(mend(tap, forMs));
  };
}

async function mend(tap: { isCut: boolean }, afterMs: number): Promise<void> {
  await sleep(afterMs);
  tap.isCut = false;
}
