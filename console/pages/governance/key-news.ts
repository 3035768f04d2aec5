/** What was just made, and is shown once; or what has been done. */
export type KeyNews = { readonly kind: 'secret'; readonly title: string; readonly text: string } | string;
