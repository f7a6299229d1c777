/**
 * Writes a distinguished name on one line: `C=US, O=Acme, CN=client-1`, in the order of the
 * certificate, special characters escaped as in RFC 4514 §2.4, several attributes of one RDN joined
 * by `+`. Two different names never give the same text.
 *
 * Node already escapes as RFC 2253 does: a line feed inside a value comes as `\0A`, so a real one
 * separates RDNs, and ` + ` separates the attributes of an RDN.
 *
 * @param name `subject` or `issuer` of an `X509Certificate`; undefined when the name is empty
 * @returns undefined when the name has no value in it, or one that must not name anybody
 */
export function writeDistinguishedName(name: string | undefined): string | undefined {
  const attributes = (name ?? '').split(/\n| \+ /);
  if (name === undefined || !attributes.some(hasValue)) return undefined;
  if (attributes.some(isCutOff) || holdsNul(name)) return undefined;
  return name.replaceAll(' + ', '+').replaceAll('\n', ', ');
}

function hasValue(attribute: string): boolean {
  return attribute.indexOf('=') < attribute.length - 1;
}

/** OpenSSL writes at most 79 characters of an OID it has no name for. */
function isCutOff(attribute: string): boolean {
  return attribute.indexOf('=') >= 79;
}

/** C programs end a text there: `CN=admin\00.evil` would be `admin` to them. */
function holdsNul(name: string): boolean {
  return [...name.matchAll(/\\(?:[0-9A-F]{2}|.)/g)].some(([escaped]) => escaped === '\\00');
}
