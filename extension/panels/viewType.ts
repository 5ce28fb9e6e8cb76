/** The kind of our webview panels, as package.json names it in `activationEvents`. */
export const pageViewType = 'slipway.page';
