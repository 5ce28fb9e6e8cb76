export async function verifyReceipts(_: unknown): Promise<unknown> { return {}; }
