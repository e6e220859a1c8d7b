package request

// Vars are the variables of a route's template, decoded. The zero value has none.
type Vars struct{ list [2]variable }

// variable is one of them. No name is empty.
type variable struct{ name, value string }

// Get returns the value of a variable, or "".
func (v Vars) Get(name string) string {
	value, _ := v.lookUp(name)
	return value
}

func (v Vars) lookUp(name string) (string, bool) {
	for i := range v.list {
		if v.list[i].name == name {
			return v.list[i].value, true
		}
	}
	return "", false
}

// add sets a variable that is not there yet. Templates have two at most, to which a test holds the route table.
func (v *Vars) add(name, value string) bool {
	for i := range v.list {
		if v.list[i].name == "" {
			v.list[i] = variable{name, value}
			return true
		}
	}
	return false
}
