// Errors, and sections 1.1 to 1.3: base64url, JSON, times.
import { document } from './signed.mjs';
import { after } from './licence.mjs';
import { half } from './log.mjs';

export const utf8 = (text) => new TextEncoder().encode(text);
export const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const fromHex = (text) => new Uint8Array(Buffer.from(text, 'hex'));
export const concat = (...parts) => new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))));
export const same = (a, b) => Buffer.compare(a, b) === 0;
export const u32 = (value) => { const out = Buffer.alloc(4); out.writeUInt32BE(value); return out; };

export class Refusal extends Error {
  constructor(code, message) { super(message); this.code = code; }
}
export const refuse = (code, message) => { throw new Refusal(code, message); };
// What WebCrypto refuses, by our code; any other error is a fault of this program.
export async function attempt(code, message, work) {
  try { return await work(); } catch (error) {
    if (!['OperationError', 'DataError'].includes(error.name)) throw error;
    return refuse(code, message);
  }
}
export const need = (holds, code, message) => { if (!holds) refuse(code, message); };

// 1.1 Base64url: one spelling only
export const b64u = (bytes) => Buffer.from(bytes).toString('base64url');
export function fromB64u(text) {
  need(typeof text === 'string' && /^[A-Za-z0-9_-]*$/.test(text), 'bad_format', 'not base64url');
  const bytes = new Uint8Array(Buffer.from(text, 'base64url'));
  need(b64u(bytes) === text, 'bad_format', 'not the one spelling of these bytes');
  return bytes;
}

// 1.2 JSON: no repeated member, fraction, large number or half character; names in ASCII
export function parseObject(bytes) {
  let text, at = 0, depth = 0;
  const bad = (what) => refuse('bad_format', `${what} at ${at} of a document`);
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch { bad('no UTF-8'); }
  const peek = () => { while (' \t\n\r'.includes(text[at] || '?')) at += 1; return text[at]; };
  const take = (char) => { if (peek() !== char) bad(`no ${char}`); at += 1; };
  const token = (pattern) => { pattern.lastIndex = at; return pattern.exec(text)?.[0]; };
  function string() {
    const start = at;
    take('"');
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at += 1;
    let value;
    try { value = JSON.parse(text.slice(start, at)); } catch { bad('no text'); }
    if (/\p{Surrogate}/u.test(value)) bad('half a character');
    return value;
  }
  function sequence(close, item) {
    at += 1;
    depth += 1;
    if (depth > 64) bad('too deep');
    for (let first = true; peek() !== close; first = false) {
      if (!first) take(',');
      item();
    }
    at += 1;
    depth -= 1;
  }
  function value() {
    const char = peek();
    if (char === '"') return string();
    if (char === '[') { const list = []; sequence(']', () => list.push(value())); return list; }
    if (char === '{') {
      const object = Object.create(null);
      sequence('}', () => {
        peek();
        const name = string();
        if (name in object) bad('a member said twice');
        if (!/^[\x00-\x7f]*$/.test(name)) bad('a name beyond ASCII');
        take(':');
        object[name] = value();
      });
      return object;
    }
    const word = token(/true|false|null|-?(?:0|[1-9][0-9]*)(?![.eE0-9])/y);
    if (word === undefined) bad('no value of this format');
    at += word.length;
    const known = JSON.parse(word);
    if (typeof known === 'number' && !Number.isSafeInteger(known)) bad('a number too large');
    return known;
  }
  const whole = value();
  if (peek() !== undefined) bad('something after the end');
  need(kindOf(whole) === 'object', 'bad_format', 'a document is no object');
  return whole;
}

export function canonical(value) {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const members = Object.keys(value).sort().map((n) => `${JSON.stringify(n)}:${canonical(value[n])}`);
  return `{${members.join(',')}}`;
}

export function kindOf(v) {
  if (v === null) return 'null';
  if (typeof v === 'number') return Number.isInteger(v) ? 'number' : 'fraction';
  return Array.isArray(v) ? 'list' : typeof v;
}
export function member(claims, name, kind) {
  const value = claims[name];
  need(kindOf(value) === kind, 'bad_format', `“${name}” is missing or malformed`);
  return value;
}
export const isNull = (claims, name) => { // it must be there, and may be null
  need(name in claims, 'bad_format', `“${name}” is missing`);
  return claims[name] === null;
};
export const [FIRST, LAST] = [-62135596800, 253402300799]; // 1.3: the years 1 to 9999
export function time(claims, name) {
  const value = member(claims, name, 'number');
  need(value >= FIRST && value <= LAST, 'bad_format', `“${name}” is no time`);
  return value;
}
