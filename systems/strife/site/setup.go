package site

import (
	"errors"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"

	"dyno/systems/strife/core/money"
	"dyno/systems/strife/security"
)

// Setup is the content of setup.yaml.
type Setup struct {
	Gateway Gateway         `yaml:"gateway"`
	Banks   map[string]Bank `yaml:"banks"`
}

// Gateway is the gateway's part: credentials and the names of banks. Addresses
// are in run.json.
type Gateway struct {
	Banks []string `yaml:"banks"`
	Users []User   `yaml:"users"`
}

// User is somebody who may log in.
type User struct {
	Name     string `yaml:"name"`
	Role     string `yaml:"role"`              // customer or admin
	Bank     string `yaml:"bank,omitempty"`    // where a customer's account lies
	Account  string `yaml:"account,omitempty"` // its number there
	Password string `yaml:"password"`          // an argon2id hash
}

// Bank is a bank's part.
type Bank struct {
	Accounts []Account `yaml:"accounts"`
}

// Account is what a bank opens with.
type Account struct {
	Number   string `yaml:"number"`
	Holder   string `yaml:"holder,omitempty"` // a user; empty: the first who registers with it
	Balance  string `yaml:"balance"`          // decimal, such as 100.00
	Currency string `yaml:"currency"`         // ISO 4217
}

// Amount is the balance.
func (a Account) Amount() (money.Amount, error) {
	c, err := money.ParseCurrency(a.Currency)
	if err != nil {
		return money.Amount{}, err
	}
	return money.Parse(a.Balance, c)
}

// ReadGateway reads the gateway's part and nothing else: whatever is written
// about accounts is not looked at.
func (d Dir) ReadGateway() (g Gateway, err error) {
	err = d.read(&struct {
		Gateway *Gateway  `yaml:"gateway"`
		Banks   yaml.Node `yaml:"banks"`
	}{Gateway: &g})
	if err != nil {
		return g, err
	}
	if len(g.Banks) == 0 {
		return g, fmt.Errorf("%s: gateway: it names no banks", d.Setup())
	}
	for _, u := range g.Users {
		if err := errors.Join(security.CheckName("name", u.Name), u.check()); err != nil {
			return g, fmt.Errorf("%s: gateway: users: %w", d.Setup(), err)
		}
	}
	return g, nil
}

func (u User) check() error {
	if u.Role != security.Admin && u.Role != security.Customer {
		return fmt.Errorf("%s has the role %q; want %s or %s", u.Name, u.Role, security.Customer, security.Admin)
	}
	if (u.Role == security.Customer) != (u.Bank != "" && u.Account != "") {
		return fmt.Errorf("%s: a customer has a bank and an account, an admin has neither", u.Name)
	}
	return nil
}

// ReadBank reads the part of one bank and nothing else: neither credentials nor
// other banks.
func (d Dir) ReadBank(name string) (b Bank, err error) {
	var s struct {
		Gateway yaml.Node            `yaml:"gateway"`
		Banks   map[string]yaml.Node `yaml:"banks"`
	}
	if err := d.read(&s); err != nil {
		return b, err
	}
	part, ok := s.Banks[name]
	if !ok {
		return b, fmt.Errorf("%s: banks: there is none called %q", d.Setup(), name)
	}
	if err := part.Decode(&b); err != nil {
		return b, fmt.Errorf("%s: banks: %s: %w", d.Setup(), name, err)
	}
	for _, a := range b.Accounts {
		amount, err := a.Amount()
		if err == nil && amount.Minor < 0 {
			err = fmt.Errorf("%v is less than nothing", amount)
		}
		if err := errors.Join(security.CheckName("number", a.Number), err); err != nil {
			return b, fmt.Errorf("%s: banks: %s: account %q: %w", d.Setup(), name, a.Number, err)
		}
	}
	return b, nil
}

func (d Dir) read(into any) error {
	text, err := os.ReadFile(d.Setup())
	if err != nil {
		return fmt.Errorf("%w; make the folder with dyno strife init --dir %s", err, d)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", d.Setup(), err)
	}
	return nil
}
