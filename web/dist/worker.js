var s=["drawing.css","index.html","gamaka.js","page.js"];console.log("56335bb9053c5e5f",s);
