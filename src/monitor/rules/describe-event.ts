import type { SensorEvent } from '../event.ts';
import { lineOf } from './facts.ts';

const longest = 400;

/** One line that says what an event is; hostile text in it is as it came. */
export function describeEvent(event: SensorEvent): string {
  const text = textOf(event);
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

function textOf(event: SensorEvent): string {
  switch (event.kind) {
    case 'exec':
      return commandOf(event);
    case 'stdio':
      return `descriptor ${event.descriptor} is a socket: ${commandOf(event)}`;
    case 'file':
      return `${event.access} ${event.path}: ${commandOf(event)}`;
    case 'call':
      return `${[`${event.call}(2)`, ...event.details].join(' ')}: ${commandOf(event)}`;
    case 'connection': {
      const place = event.port === undefined ? event.address : `${event.address} port ${event.port}`;
      return `${event.proto} to ${place}${event.name === undefined ? '' : ` (${event.name})`}, ${event.verdict}`;
    }
    case 'name':
      return `${event.type} of ${event.name}, ${event.result}`;
    case 'volume':
      return `${event.readMb.toFixed(1)} MB read, ${event.writtenMb.toFixed(1)} MB written in ${event.seconds.toFixed(1)} s`;
    case 'tmp':
      return `${Math.round(event.usedPercent)} % of ${Math.round(event.totalMb)} MB`;
    case 'unseen':
      return `${event.count} events or more that the sensor "${event.sensor}" could not record`;
  }
}

function commandOf(process: Extract<SensorEvent, { words: unknown }>): string {
  return lineOf(process) || process.program || process.name;
}
