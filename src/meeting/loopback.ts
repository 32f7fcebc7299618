// Addresses that lead to the machine of whoever uses them. For browsers, too.

/** Whether a URL leads to the machine of whoever uses it. */
export function isLoopback(url: string): boolean {
  const host = URL.parse(url)?.hostname ?? "";
  return host === "localhost" || host === "[::1]" || /^127(\.\d+){3}$/.test(host);
}
