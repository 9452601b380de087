package config

import (
	"embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"strings"
)

// The doc comments of the sections are read from their source, so that what
// Go users, operators and the documentation page read is one text.
//
//go:embed section_*.go
var sources embed.FS

func describeSections() map[string]string {
	docs := map[string]string{}
	names, _ := fs.Glob(sources, "*.go") // the pattern is right, so there is no error
	for _, name := range names {
		text, err := sources.ReadFile(name)
		if err != nil {
			panic(err) // embedded: it is there
		}
		maps.Copy(docs, describe(string(text)))
	}
	return docs
}

// describe gives the doc comment of each structure (by Type) and of each of
// its fields (by Type.Field) in a Go source, on one line each.
func describe(source string) map[string]string {
	docs := map[string]string{}
	if source == "" {
		return docs
	}
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		panic(fmt.Sprintf("config: the source of a section: %v", err)) // it has been compiled
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if decl, ok := n.(*ast.GenDecl); ok {
			for _, spec := range decl.Specs {
				describeType(docs, decl, spec)
			}
		}
		return true
	})
	return docs
}

func describeType(docs map[string]string, decl *ast.GenDecl, spec ast.Spec) {
	typeSpec, ok := spec.(*ast.TypeSpec)
	if !ok {
		return
	}
	structType, ok := typeSpec.Type.(*ast.StructType)
	if !ok {
		return
	}
	docs[typeSpec.Name.Name] = oneLine(decl.Doc)
	for _, field := range structType.Fields.List {
		for _, name := range field.Names {
			docs[typeSpec.Name.Name+"."+name.Name] = oneLine(field.Doc)
		}
	}
}

func oneLine(doc *ast.CommentGroup) string { return strings.Join(strings.Fields(doc.Text()), " ") }

// withoutName takes off the Go name with which a doc comment begins, for
// readers who know the option by another: "MaxWait bounds how long" becomes
// "Bounds how long", "Listen is the address" becomes "The address".
func withoutName(doc, name string) string {
	doc = strings.TrimPrefix(doc, name+" ")
	for _, verb := range []string{"is ", "are "} {
		doc = strings.TrimPrefix(doc, verb)
	}
	if doc == "" {
		return ""
	}
	return strings.ToUpper(doc[:1]) + doc[1:]
}
