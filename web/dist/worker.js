var d=["drawing.css","fonts/Inter-Regular.woff2","fonts/Inter-SemiBold.woff2","fonts/OFL.txt","icon-192.png","icon-512.png","icon-maskable.png","icon.svg","index.html","learn.css","library.css","manifest.webmanifest","style.css","gamaka.js","page.js"];var s=globalThis,i=s.registration.scope,h=`gamaka page ${new URL(i).pathname} `,r=h+"dc7873913edf8145",m=`gamaka demo ${new URL(i).pathname}`,f=new Set(d.map(n=>new URL(n,i).href)),g=new URL("demo/",i).href;s.addEventListener("install",n=>{let t=async()=>{await(await caches.open(r)).addAll([...f].map(e=>new Request(e,{cache:"reload"}))),await s.skipWaiting()};n.waitUntil(t())});s.addEventListener("activate",n=>{let t=async()=>{let a=(await caches.keys()).filter(e=>e.startsWith(h)&&e!==r);await Promise.all(a.map(e=>caches.delete(e))),await s.clients.claim()};n.waitUntil(t())});s.addEventListener("fetch",n=>{let{request:t}=n;if(t.method!=="GET")return;let a=new URL(t.url);a.hash=a.search="";let e=a.href===i?new URL("index.html",i).href:a.href;f.has(e)?n.respondWith(l(t,r,e,!1)):e.startsWith(g)&&!t.headers.has("range")&&n.respondWith(l(t,m,e,!0))});async function l(n,t,a,e){let c=await caches.open(t);try{let o=await fetch(n,{cache:"no-cache"});if(e&&o.ok&&await c.put(a,o.clone()).catch(()=>{}),o.status<500)return o}catch{}return await c.match(a)??Response.error()}
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
