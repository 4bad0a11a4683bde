/**
 * Signs that can steer a terminal or turn the order of text around: control characters (C0, DEL, C1), separators of lines,
 * and the bidirectional controls of Unicode TR 9.
 */
export const steering = /[\p{Cc}\u061C\u200E\u200F\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu;

/** Text on one line without any of them: each is shown as an escape. */
export function escapeSteering(text: string): string {
  return text.replace(steering, (sign) => {
    const code = sign.charCodeAt(0);
    return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`;
  });
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
