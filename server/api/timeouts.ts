/** How long a client may take; a head or a body that trickles in holds a connection no longer than this. */
export const timeouts = {
  headersTimeout: 15_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5000,
  // An absent Host gets the same answer as a foreign one.
  requireHostHeader: false,
};
