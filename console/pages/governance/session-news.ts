/** A link that was just made, and is shown once; or what has been done. */
export type SessionNews = { readonly kind: 'link'; readonly tenant: string; readonly url: string } | string;
