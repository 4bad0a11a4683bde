import { networkInterfaces } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import { parseAddress, parseInterfaceAddress, renderAddress } from '../../network/address.ts';
import type { OwnPlaces } from '../../network/names/usable-address.ts';
import type { Bridge } from '../../network/policy.ts';

/** How long the list of the host's addresses is good for, in milliseconds. The rules judge by what is so at that moment. */
const goodForMs = 5_000;

/** Where names never lead: the host itself and its bridge. */
export class OwnPlacesReader {
  readonly #clock: Clock;
  readonly #bridge: OwnPlaces['bridge'];
  #seen: { readonly places: OwnPlaces; readonly at: number } | undefined;

  constructor({ ipv4, ipv6 }: Bridge, clock: Clock) {
    this.#clock = clock;
    this.#bridge = [ipv4, ...(ipv6 === undefined ? [] : [ipv6])].map((text) => parseInterfaceAddress(text).prefix);
  }

  read(): OwnPlaces {
    const now = this.#clock.monotonic();
    if (this.#seen && now - this.#seen.at < goodForMs) return this.#seen.places;
    const interfaces = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    const addresses = interfaces.flatMap(({ address }) => parseAddress(address) ?? []).map(renderAddress);
    const places = { bridge: this.#bridge, host: new Set(addresses) };
    this.#seen = { places, at: now };
    return places;
  }
}
