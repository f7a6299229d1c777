import protobuf from 'protobufjs';

/** What a `CheckRequest` says; text is read as Node reads the head of a request, byte by byte. */
export interface CheckRequest {
  /** Whether there is an HTTP request in it. */
  readonly hasHttp: boolean;
  readonly method: string;
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  /** URL-encoded PEM; empty when Envoy sent none. */
  readonly certificate: string;
  /** Header lines, name and value in turn; lines with one name are joined by commas. */
  readonly joinedLines: readonly string[];
  /** Every header line by itself; undefined without `encode_raw_headers`. */
  readonly lines: readonly string[] | undefined;
}

/** @returns a check without a request, which is refused, for bytes that are no such message */
export function decodeCheckRequest(bytes: Buffer): CheckRequest {
  const reader = protobuf.Reader.create(bytes);
  const found = nothing();
  try {
    readFields(reader, reader.len, found, visitCheckRequest);
    return found;
  } catch {
    return nothing();
  }
}

function nothing(): Found {
  return {
    hasHttp: false,
    method: '',
    scheme: '',
    host: '',
    path: '',
    certificate: '',
    joinedLines: [],
    lines: undefined,
    name: '',
    value: '',
    rawValue: '',
  };
}

/**
 * All fields of the nested messages in one place: of a message that comes in pieces the later ones
 * are laid over the earlier, as protobuf has it.
 */
type Found = { -readonly [Member in keyof CheckRequest]: CheckRequest[Member] } & {
  joinedLines: string[];
  lines: string[] | undefined;
  /** Of the header line that is being read. */
  name: string;
  value: string;
  rawValue: string;
};

/** @returns whether it took the field; else it is skipped */
type Visit = (tag: number, reader: protobuf.Reader, found: Found) => boolean;

function readFields(reader: protobuf.Reader, end: number, found: Found, visit: Visit): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (!visit(tag, reader, found)) reader.skipType(tag & 7);
  }
  if (reader.pos !== end) throw new RangeError('a field is longer than its message');
}

/** Numbers of fields in `proto/external_auth.proto`, as they begin a field that has a length. */
const attributes = (1 << 3) | 2;
const source = (1 << 3) | 2;
const request = (4 << 3) | 2;
const certificate = (5 << 3) | 2;
const http = (2 << 3) | 2;
const method = (2 << 3) | 2;
const headers = (3 << 3) | 2;
const path = (4 << 3) | 2;
const host = (5 << 3) | 2;
const scheme = (6 << 3) | 2;
const headerMap = (13 << 3) | 2;
const mapHeaders = (1 << 3) | 2;
const key = (1 << 3) | 2;
const value = (2 << 3) | 2;
const rawValue = (3 << 3) | 2;

const visitCheckRequest: Visit = (tag, reader, found) =>
  tag === attributes && readMessage(reader, found, visitAttributes);

const visitAttributes: Visit = (tag, reader, found) => {
  if (tag === source) return readMessage(reader, found, visitSource);
  return tag === request && readMessage(reader, found, visitRequest);
};

const visitSource: Visit = (tag, reader, found) => {
  if (tag !== certificate) return false;
  found.certificate = readText(reader);
  return true;
};

const visitRequest: Visit = (tag, reader, found) => {
  if (tag !== http) return false;
  found.hasHttp = true;
  return readMessage(reader, found, visitHttp);
};

const visitHttp: Visit = (tag, reader, found) => {
  switch (tag) {
    case method:
      found.method = readText(reader);
      return true;
    case scheme:
      found.scheme = readText(reader);
      return true;
    case host:
      found.host = readText(reader);
      return true;
    case path:
      found.path = readText(reader);
      return true;
    case headers:
      return readLine(reader, found, found.joinedLines);
    case headerMap:
      found.lines ??= [];
      return readMessage(reader, found, visitHeaderMap);
    default:
      return false;
  }
};

const visitHeaderMap: Visit = (tag, reader, found) =>
  tag === mapHeaders && readLine(reader, found, found.lines ?? []);

function readLine(reader: protobuf.Reader, found: Found, lines: string[]): true {
  found.name = found.value = found.rawValue = '';
  readMessage(reader, found, visitLine);
  lines.push(found.name, found.rawValue || found.value);
  return true;
}

const visitLine: Visit = (tag, reader, found) => {
  switch (tag) {
    case key:
      found.name = readText(reader);
      return true;
    case value:
      found.value = readText(reader);
      return true;
    case rawValue:
      found.rawValue = readText(reader);
      return true;
    default:
      return false;
  }
};

function readMessage(reader: protobuf.Reader, found: Found, visit: Visit): true {
  const length = reader.uint32();
  readFields(reader, endOf(reader, length), found, visit);
  return true;
}

function readText(reader: protobuf.Reader): string {
  const length = reader.uint32();
  const start = reader.pos;
  reader.pos = endOf(reader, length);
  return (reader.buf as Buffer).toString('latin1', start, reader.pos);
}

function endOf(reader: protobuf.Reader, length: number): number {
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError('a field is longer than the message');
  return end;
}
