var d=["drawing.css","fonts/Inter-Regular.woff2","fonts/Inter-SemiBold.woff2","fonts/OFL.txt","icon-192.png","icon-512.png","icon-maskable.png","icon.svg","index.html","learn.css","library.css","manifest.webmanifest","style.css","gamaka.js","page.js"];var c=globalThis,r=c.registration.scope,h=`gamaka page ${new URL(r).pathname} `,l=h+"9916abacbcc009c6",m=`gamaka demo ${new URL(r).pathname}`,u=4e3,o=new Map,f=new Set(d.map(e=>new URL(e,r).href)),y=new URL("demo/",r).href;c.addEventListener("install",e=>{let n=async()=>{await(await caches.open(l)).addAll([...f].map(t=>new Request(t,{cache:"reload"}))),await c.skipWaiting()};e.waitUntil(n())});c.addEventListener("activate",e=>{let n=async()=>{let s=(await caches.keys()).filter(t=>t.startsWith(h)&&t!==l);await Promise.all(s.map(t=>caches.delete(t))),await c.clients.claim()};e.waitUntil(n())});c.addEventListener("fetch",e=>{let{request:n}=e;if(n.method!=="GET")return;let s=new URL(n.url);s.hash=s.search="";let t=s.href===r?new URL("index.html",r).href:s.href,a=e.resultingClientId||e.clientId;n.mode==="navigate"&&o.delete(a),f.has(t)?e.respondWith(R(n,a,t)):t.startsWith(y)&&!n.headers.has("range")&&e.respondWith(E(n,a,t))});async function R(e,n,s){let t=await(await caches.open(l)).match(s);if(t&&!o.has(n)){let a=await w(e),i=a!==null&&!await k(a,t);if(!o.has(n)&&(i||!a)&&o.set(n,i?"server":"copy"),a&&o.get(n)!=="copy")return a}return t&&o.get(n)==="copy"?new Response(t.body,t):fetch(e,{cache:"no-cache"})}async function E(e,n,s){let t=await caches.open(m),a=await t.match(s);if(a&&o.get(n)==="copy")return a;let i=a?await w(e)??a:await fetch(e,{cache:"no-cache"});return i!==a&&p(i)&&await t.put(s,i.clone()).catch(()=>{}),i}async function w(e){try{let n=await fetch(e,{cache:"no-cache",redirect:"follow",signal:AbortSignal.timeout(u)});return p(n)?new Response(await n.arrayBuffer(),n):null}catch{return null}}function p(e){return e.ok&&e.type!=="cors"}async function k(e,n){let[s,t]=await Promise.all([e,n].map(async a=>new Uint8Array(await a.clone().arrayBuffer())));return s.length===t.length&&s.every((a,i)=>a===t[i])}
/*! @noble/hashes
The MIT License (MIT)

Copyright (c) 2022 Paul Miller (https://paulmillr.com)

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the “Software”), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in
all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED “AS IS”, WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN
THE SOFTWARE.*/
