// Sections 4 and 5: streams with segments, manifests, names, roots.
import {
  attempt, concat, fromB64u, fromHex, hex, kindOf, member, need, parseObject, same, u32, utf8,
} from './encoding.mjs';
import { commitment, document, gcm, hkdf, requireVersion, sha256, signed } from './signed.mjs';

// 4 Stream
export const [SEGMENT, PAYLOAD, HEADER] = [65536, 65520, 40];
export function cipherSize(plain) {
  const segments = Math.max(1, Math.ceil((plain + HEADER) / PAYLOAD));
  need(plain >= 0 && segments <= 2 ** 32, 'bad_format', 'no file has this size');
  return plain + HEADER + 16 * segments;
}
export function plainSize(cipher) {
  const plain = cipher - HEADER - 16 * Math.ceil(cipher / SEGMENT);
  need(plain >= 0 && cipherSize(plain) === cipher, 'bad_format', 'no sealed file has this size');
  return plain;
}
export function associatedData(sealId, index) { // 4.4
  need(/^[0-9a-f]{32}$/.test(sealId), 'bad_format', 'no seal id');
  return concat(utf8('geobuk-stream-v1'), fromHex(sealId), u32(index));
}
export const segmentNonce = (prefix, k, last) => concat(prefix, u32(k), [last ? 1 : 0]);

// `read(offset, length)` gives ciphertext; `size` is that of the signed manifest.
export async function openStream(read, size, key, ad) {
  const plain = plainSize(size);
  const last = Math.ceil(size / SEGMENT) - 1;
  const fetch = async (from, to) => {
    const bytes = await read(from, to - from);
    need(bytes.length === to - from, 'bad_signature', 'the sealed file ends too early');
    return bytes;
  };
  const header = await fetch(0, HEADER);
  need(header[0] === HEADER, 'bad_signature', 'no header of a stream');
  const derived = await hkdf(key, header.subarray(1, 33), ad);
  async function segment(k) {
    const bytes = await fetch(k * SEGMENT + (k ? 0 : HEADER), Math.min((k + 1) * SEGMENT, size));
    return attempt('bad_signature', 'the sealed file was changed, or this is not its key',
      () => gcm(derived, segmentNonce(header.subarray(33), k, k === last), bytes));
  }
  await segment(last); // before a byte is released
  async function readAt(offset, length) {
    const parts = [];
    for (const end = Math.min(plain, offset + length); offset < end; offset += parts.at(-1).length) {
      const k = Math.floor((offset + HEADER) / PAYLOAD);
      const skip = ((offset + HEADER) % PAYLOAD) - (k ? 0 : HEADER);
      parts.push((await segment(k)).subarray(skip, skip + end - offset));
    }
    return concat(...parts);
  }
  return { size: plain, readAt };
}
export const inMemory = (bytes) => async (offset, length) => bytes.subarray(offset, offset + length);

// 5 Package
export async function readManifest(jws, issuer) {
  const claims = await document(jws, issuer, 'manifest',
    'seal_id version piece_length segment_size files key_commitment details');
  const limit = (holds) => need(holds, 'bad_format', 'a manifest outside the limits');
  const [version, piece] = [member(claims, 'version', 'number'), member(claims, 'piece_length', 'number')];
  limit(/^[0-9a-f]{32}$/.test(member(claims, 'seal_id', 'string')) && claims.segment_size === SEGMENT);
  limit(version >= 1 && version < 2 ** 31);
  limit(piece >= 65536 && piece <= 2 ** 27 && Number.isInteger(Math.log2(piece)));
  const files = member(claims, 'files', 'list').map((file) => {
    limit(kindOf(file) === 'object');
    return { size: member(file, 'size', 'number'), root: fromB64u(file.root) };
  });
  limit(files.length >= 1 && files.length <= 10000);
  for (const { size, root } of files) limit(root.length === 32 && plainSize(size) >= 0);
  const [promise, details] = [fromB64u(claims.key_commitment), fromB64u(claims.details)];
  limit(promise.length === 32 && details.length <= 4 * 2 ** 20 && plainSize(details.length) >= 0);
  return { sealId: claims.seal_id, version, files, commitment: promise, details, id: hex(await sha256(utf8(jws))) };
}
export async function checkKey(manifest, key) {
  need(same(await commitment(key, manifest.sealId), manifest.commitment), 'wrong_key', 'another key');
}
export const HIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069/\\]/u;
export async function openDetails(manifest, key) { // 5.3, 5.4
  await checkKey(manifest, key);
  const stream = await openStream(inMemory(manifest.details), manifest.details.length, key,
    associatedData(manifest.sealId, 0xffffffff));
  const claims = parseObject(await stream.readAt(0, stream.size));
  requireVersion(claims, ['v', 'files', 'crit']);
  const entries = member(claims, 'files', 'list').map((file) => {
    need(kindOf(file) === 'object', 'bad_format', 'a name is no object');
    const [name, type] = [member(file, 'name', 'string'), member(file, 'media_type', 'string')];
    const bytes = utf8(name).length;
    need(!HIDDEN.test(name) && name !== '.' && name !== '..' && bytes >= 1 && bytes <= 1024 &&
      /^[ -~]{0,255}$/.test(type), 'bad_format', 'a name or a type outside the limits');
    return { name, type, size: member(file, 'size', 'number'), cipher: cipherSize(file.size) };
  });
  need(entries.length === manifest.files.length &&
    entries.every(({ cipher }, i) => cipher === manifest.files[i].size),
  'bad_signature', 'names and files do not fit together');
  return entries;
}
export async function openFile(manifest, index, read, key) {
  await checkKey(manifest, key);
  need(index >= 0 && index < manifest.files.length, 'bad_format', 'no such file');
  return openStream(read, manifest.files[index].size, key, associatedData(manifest.sealId, index));
}
export async function pieceRoot(cipher) { // 5.2, BEP 52
  let level = [];
  for (let at = 0; at < cipher.length; at += 16384) level.push(await sha256(cipher.subarray(at, at + 16384)));
  for (let pad = new Uint8Array(32); level.length > 1; pad = await sha256(pad, pad)) {
    if (level.length % 2) level.push(pad);
    level = await Promise.all(level.flatMap((left, i) => (i % 2 ? [] : [sha256(left, level[i + 1])])));
  }
  return level[0];
}
