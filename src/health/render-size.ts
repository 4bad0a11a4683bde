/** Bytes for people, with one digit behind the point, rounded down: what is free is never more than it says. */
export function renderSize(bytes: number): string {
  const gib = Math.floor((bytes / 2 ** 30) * 10) / 10;
  return `${gib.toFixed(1)} GiB`;
}
